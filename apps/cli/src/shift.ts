// Augmentation by translation: each time an image is read it comes shifted by a few pixels, the
// rest filled with background. The offsets follow from the seed and the order of reading alone.
import { type HostRandom, hostRandom } from '@tenon/core';
import type { HostArray, HostBatch, InMemoryDataset, Pair } from '@tenon/data';

/** `dataset` with images [channels, height, width] shifted by up to `pixels` along both axes. */
export function shifted(dataset: InMemoryDataset, pixels: number, seed: number): InMemoryDataset {
  const random = hostRandom(seed);
  const gather = (indices: Int32Array): HostBatch<Pair> => {
    const [x, y] = dataset.gather(indices);
    return [shiftAll(x, pixels, random), y];
  };
  return {
    length: dataset.length,
    classes: dataset.classes,
    labels: dataset.labels,
    gather,
    get(index) {
      const [x, y] = gather(Int32Array.of(index));
      return [
        { data: x.data, shape: x.shape.slice(1) },
        { data: y.data, shape: y.shape.slice(1) },
      ];
    },
  };
}

/** A batch [N, channels, height, width] with an offset of its own for each of the N images. */
function shiftAll({ data, shape }: HostArray, pixels: number, random: HostRandom): HostArray {
  const [images = 0, channels = 0, height = 0, width = 0] = shape;
  const out = data.slice().fill(0);
  const offset = (): number => Math.floor(random.next() * (2 * pixels + 1)) - pixels;
  for (let image = 0; image < images; image++) {
    const down = offset();
    const right = offset();
    const to = Math.max(0, right);
    const from = Math.max(0, -right);
    const count = width - Math.abs(right);
    if (count <= 0) continue;
    for (let channel = 0; channel < channels; channel++) {
      const plane = (image * channels + channel) * height;
      for (let row = Math.max(0, down); row < Math.min(height, height + down); row++) {
        const source = (plane + row - down) * width + from;
        out.set(data.subarray(source, source + count), (plane + row) * width + to);
      }
    }
  }
  return { data: out, shape };
}

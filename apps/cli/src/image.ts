// PNG files as input of a model: one grey channel in 0..1, light on dark, scaled to the model's
// frame. The scaling filter is the triangle ("bilinear") filter, widened when an image shrinks.
import { readFile } from 'node:fs/promises';
import { convertIndexedToRgb, type DecodedPng, decode } from 'fast-png';
import { FileError, systemReason } from './errors.ts';

/** A grey image: `data[y * width + x]` in 0..1. */
export interface GreyImage {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

export interface ImageOptions {
  /** For dark strokes on a light ground: what is white becomes 0. */
  readonly invert: boolean;
}

/** The PNG at `path` as grey values; transparent pixels count as background (0). */
export async function readPng(path: string, options: ImageOptions): Promise<GreyImage> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new FileError(`cannot read the image ${path}: ${systemReason(error)}`, path);
  }
  try {
    const png = decode(bytes, { checkCrc: true });
    // Byte 25 is IHDR's colour type; 3 is an index into the palette.
    if (bytes[25] === 3 && !png.palette) throw new Error('colours by index, without a palette');
    return toGrey(png, options);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new FileError(`${path}: expected a PNG image, got: ${reason}`, path, { cause });
  }
}

/** Luma (ITU-R BT.601) of every pixel, over a black ground, or over a white one if inverted. */
export function toGrey(png: DecodedPng, options: ImageOptions): GreyImage {
  const { width, height } = png;
  const { samples, channels, maximum } = unpack(png);
  const data = new Float32Array(width * height);
  for (let i = 0; i < data.length; i++) {
    const at = i * channels;
    const colour =
      channels >= 3
        ? 0.299 * samples[at]! + 0.587 * samples[at + 1]! + 0.114 * samples[at + 2]!
        : samples[at]!;
    const alpha = channels % 2 === 0 ? samples[at + channels - 1]! / maximum : 1;
    const value = colour / maximum;
    data[i] = alpha * (options.invert ? 1 - value : value);
  }
  return { width, height, data };
}

interface Samples {
  readonly samples: ArrayLike<number>;
  readonly channels: number;
  readonly maximum: number;
}

/** One array element per sample, whatever the bit depth; palettes resolved. */
function unpack(png: DecodedPng): Samples {
  if (png.width < 1 || png.height < 1) throw new Error(`${png.width}x${png.height} pixels`);
  if (png.palette) {
    const channels = png.palette[0]!.length;
    return { samples: convertIndexedToRgb(png), channels, maximum: 255 };
  }
  const maximum = 2 ** png.depth - 1;
  if (png.depth >= 8) return { samples: png.data, channels: png.channels, maximum };
  const { width, height, depth } = png;
  const rowBytes = Math.ceil((width * depth) / 8);
  const samples = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const bit = x * depth;
      const byte = png.data[y * rowBytes + (bit >> 3)]!;
      samples[y * width + x] = (byte >> (8 - depth - (bit & 7))) & maximum;
    }
  }
  return { samples, channels: 1, maximum };
}

/** Scaled to `width` x `height`: the aspect ratio is kept, and the rest is background. */
export function fitInto(image: GreyImage, width: number, height: number): GreyImage {
  const scale = Math.min(width / image.width, height / image.height);
  const w = Math.max(1, Math.min(width, Math.round(image.width * scale)));
  const h = Math.max(1, Math.min(height, Math.round(image.height * scale)));
  const scaled = resize(image, w, h);
  if (w === width && h === height) return scaled;
  const data = new Float32Array(width * height);
  const left = (width - w) >> 1;
  const top = (height - h) >> 1;
  for (let y = 0; y < h; y++) {
    data.set(scaled.data.subarray(y * w, (y + 1) * w), (top + y) * width + left);
  }
  return { width, height, data };
}

/** Separable resampling, first along x, then along y. */
export function resize(image: GreyImage, width: number, height: number): GreyImage {
  const { width: w, height: h, data } = image;
  const across = weights(w, width);
  const down = weights(h, height);
  const rows = new Float64Array(h * width);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < width; x++) {
      const { first, taps } = across[x]!;
      let sum = 0;
      for (let k = 0; k < taps.length; k++) sum += taps[k]! * data[y * w + first + k]!;
      rows[y * width + x] = sum;
    }
  }
  const out = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    const { first, taps } = down[y]!;
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let k = 0; k < taps.length; k++) sum += taps[k]! * rows[(first + k) * width + x]!;
      out[y * width + x] = sum;
    }
  }
  return { width, height, data: out };
}

interface Taps {
  readonly first: number;
  readonly taps: readonly number[];
}

/** For each of `to` outputs, the inputs (of `from`) under its triangle, and their shares. */
function weights(from: number, to: number): Taps[] {
  const scale = from / to;
  const support = Math.max(1, scale);
  return Array.from({ length: to }, (_, i) => {
    const centre = (i + 0.5) * scale;
    const first = Math.max(0, Math.floor(centre - support + 0.5));
    const last = Math.min(from, Math.floor(centre + support + 0.5));
    const raw: number[] = [];
    for (let j = first; j < last; j++) {
      raw.push(Math.max(0, 1 - Math.abs(j + 0.5 - centre) / support));
    }
    const total = raw.reduce((sum, w) => sum + w, 0);
    return { first, taps: raw.map((w) => w / total) };
  });
}

/**
 * Bind groups, made once per (layout, blocks, size of the launch words) and kept while they are in
 * use: two generations, of which the older is dropped when the younger is full.
 */
import type { Block } from './buffers.ts';
import type { Tally } from './counters.ts';
import type { Pipeline, Pipelines } from './pipelines.ts';

interface Entry {
  readonly group: GPUBindGroup;
  readonly blocks: readonly Block[];
}

const MOST = 4096;

export class BindGroups {
  private readonly device: GPUDevice;
  private readonly pipelines: Pipelines;
  private readonly tally: Tally;
  private young = new Map<string, Entry>();
  private old = new Map<string, Entry>();
  /** The buffer of launch words that all groups bind. */
  private words: GPUBuffer | null = null;

  constructor(device: GPUDevice, pipelines: Pipelines, tally: Tally) {
    this.device = device;
    this.pipelines = pipelines;
    this.tally = tally;
  }

  /** All groups bind `words` from now on; another buffer than before drops all of them. */
  bindWords(words: GPUBuffer): void {
    if (words === this.words) return;
    this.words = words;
    this.young.clear();
    this.old.clear();
  }

  get(pipeline: Pipeline, blocks: readonly Block[], wordBytes: number): GPUBindGroup {
    let key = `${pipeline.layout}:${wordBytes}`;
    for (const { id } of blocks) key += `,${id}`;
    const young = this.young.get(key);
    if (young !== undefined) return young.group;
    let entry = this.old.get(key);
    if (entry === undefined) {
      if (this.words === null) throw new Error('webgpu: bind groups before their launch words');
      entry = { group: this.make(pipeline, blocks, this.words, wordBytes), blocks };
    }
    if (this.young.size >= MOST / 2) {
      this.old = this.young;
      this.young = new Map();
    }
    this.young.set(key, entry);
    return entry.group;
  }

  /** A group outside the cache: programs own theirs. */
  make(
    pipeline: Pipeline,
    blocks: readonly Block[],
    words: GPUBuffer,
    wordBytes: number,
  ): GPUBindGroup {
    this.tally.bindGroups++;
    const entries: GPUBindGroupEntry[] = [
      { binding: 0, resource: { buffer: words, offset: 0, size: wordBytes } },
    ];
    for (let i = 0; i < blocks.length; i++) {
      const block = blocks[i] as Block;
      entries.push({ binding: i + 1, resource: { buffer: block.handle } });
    }
    const layout = this.pipelines.layoutOf(pipeline.layout).group;
    return this.device.createBindGroup({ label: pipeline.label, layout, entries });
  }

  forget(gone: ReadonlySet<Block>): void {
    for (const map of [this.young, this.old]) {
      for (const [key, { blocks }] of map) {
        if (blocks.some((block) => gone.has(block))) map.delete(key);
      }
    }
  }
}

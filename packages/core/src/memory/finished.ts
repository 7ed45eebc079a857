/**
 * Finished graphs, where memory is reclaimed rather than copied out (webgpu). What a training loop
 * written by hand drops, the collector finds at some time; here it comes back at a fixed one: the
 * next backward() over the same parameters. In the order in which it was made, so that each step
 * finds the same buffers, and nothing new is created.
 */
import type { Parameter } from '../tensor.ts';
import { release, type Storage } from './ownership.ts';

/** What the nodes of a graph made, and the outside tensors that it read. */
export class Finished {
  readonly #storages = new Set<Storage>();
  readonly #leaves = new Set<Storage>();

  /** An output of a node. */
  made(storage: Storage): void {
    this.#storages.add(storage);
  }
  /** An input without a gradient: a batch, say. It leaves only if the host has its contents. */
  read(storage: Storage): void {
    this.#leaves.add(storage);
  }

  /** Gives back all that no other graph, variable or `keep()` holds. */
  recycle(): void {
    for (const storage of this.#leaves) if (!this.#storages.has(storage)) leave(storage);
    for (const storage of this.#storages) if (!leave(storage)) recycle(storage);
    this.#leaves.clear();
    this.#storages.clear();
  }
}

function isHeld({ isFreed, saved, owned, frame }: Storage): boolean {
  return isFreed || saved > 0 || owned > 0 || frame !== null;
}

/** Only the host copy stays. */
function leave(storage: Storage): boolean {
  if (!storage.isClean || storage.buffer === null || isHeld(storage)) return false;
  storage.set.evict(storage);
  return true;
}

function recycle(storage: Storage): void {
  if (storage.isKept || storage.isClean || isHeld(storage)) return;
  storage.isRecycled = true;
  storage.isExposed = false;
  release(storage);
}

const finished = new WeakMap<Parameter, Finished>();

/** A backward() begins that reaches these parameters: the graphs before have had their time. */
export function recycleFinished(parameters: Iterable<Parameter>): void {
  for (const parameter of parameters) {
    finished.get(parameter)?.recycle();
    finished.delete(parameter);
  }
}

/** A graph over these parameters is used up. */
export function keepFinished(graph: Finished, parameters: Iterable<Parameter>): void {
  for (const parameter of parameters) finished.set(parameter, graph);
}

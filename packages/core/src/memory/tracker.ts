/**
 * Which tensors are alive, by the line of code that made them. Off by default: it costs a stack
 * trace for each tensor. The collector's own word (a FinalizationRegistry) says what it took, so
 * counts are exact only after a garbage collection and a turn of the event loop.
 */
import type { Backend } from '../backend.ts';
import { getDefaultBackend } from '../backends.ts';
import { runtimeOf } from '../runtime.ts';
import type { Storage } from './ownership.ts';

/** Live tensors that one line of code made. */
export interface CreationSite {
  /** The first stack frame outside of Tenon. */
  readonly site: string;
  readonly bytes: number;
  readonly count: number;
}
export interface MemoryTracker {
  /** Live bytes made since tracking began, the largest sites first. */
  report(): { readonly liveBytes: number; readonly count: number; readonly sites: CreationSite[] };
  stop(): void;
}
interface Cell {
  readonly bytes: number;
  readonly site: string;
  isLive: boolean;
}

/**
 * Begins to track the tensors of a backend.
 * @example
 * import { tensor, trackMemory } from '@tenon/core';
 * const tracker = trackMemory();
 * const x = tensor([1, 2, 3]);
 * tracker.report().liveBytes; // 12
 * tracker.stop();
 */
export function trackMemory(backend: Backend = getDefaultBackend()): MemoryTracker {
  const set = runtimeOf(backend).memory;
  const before = set.observer;
  const totals = new Map<string, { bytes: number; count: number }>();
  const cells = new WeakMap<Storage, Cell>();
  const end = (cell: Cell): void => {
    if (!cell.isLive) return;
    cell.isLive = false;
    const total = totals.get(cell.site);
    if (total === undefined) return;
    total.bytes -= cell.bytes;
    total.count--;
    if (total.count === 0) totals.delete(cell.site);
  };
  // The held value is the cell alone: it must not reach the storage.
  const registry = new FinalizationRegistry(end);
  set.observer = {
    allocated(storage) {
      const cell: Cell = { bytes: storage.byteLength, site: creationSite(), isLive: true };
      cells.set(storage, cell);
      registry.register(storage, cell);
      const total = totals.get(cell.site) ?? { bytes: 0, count: 0 };
      total.bytes += cell.bytes;
      total.count++;
      totals.set(cell.site, total);
    },
    freed(storage) {
      const cell = cells.get(storage);
      if (cell !== undefined) end(cell);
    },
  };
  return {
    report() {
      const sites = [...totals].map(([site, total]) => ({ site, ...total }));
      sites.sort((a, b) => b.bytes - a.bytes);
      const liveBytes = sites.reduce((sum, { bytes }) => sum + bytes, 0);
      const count = sites.reduce((sum, site) => sum + site.count, 0);
      return { liveBytes, count, sites };
    },
    stop() {
      set.observer = before;
    },
  };
}

/** Frames of this package's own files are passed over, in sources and in the built bundle. */
const OWN_FILES: RegExp = /[\\/]core[\\/](src|dist)[\\/]/;

function creationSite(): string {
  const lines = new Error().stack?.split('\n').slice(1) ?? [];
  const line = lines.find((frame) => !OWN_FILES.test(frame)) ?? lines[lines.length - 1] ?? '';
  return line.trim().replace(/^at /, '');
}

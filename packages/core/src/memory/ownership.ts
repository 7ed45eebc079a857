/**
 * Who owns what. A storage record knows who can still reach it; the rules (docs/memory.md):
 * it is freed at once iff no user handle reached it, no graph saved it, no variable owns it and no
 * library frame is open over it. All else is left to the working set and to V8's collector.
 */
import type { Buffer, TensorType } from '../backend.ts';
import type { DType } from '../dtype.ts';
import { DisposedError } from '../errors.ts';
import { refusePromise, scope } from '../scope.ts';
import { formatShape, type Shape } from '../shape.ts';
import { Tensor } from '../tensor.ts';
import type { WorkingSet } from './working-set.ts';

/** One piece of backend memory, shared by a tensor and its views. */
export class Storage {
  readonly kind = 'storage';
  readonly set: WorkingSet;
  readonly byteLength: number;
  /** Of the tensor it was made for, for messages: not the tensor, which must stay collectable. */
  readonly shape: Shape | null;
  readonly dtype: DType | null;
  /** null while spilled (see host) or once freed. */
  buffer: Buffer | null = null;
  /** The contents on the host: spilled, or made from host data that is kept ("clean"). */
  host: Uint8Array<ArrayBuffer> | null = null;
  /** `host` stays valid while the storage is resident, so spilling it costs no copy. */
  isClean = false;
  /** A handle or view reached user code. Sticky. */
  isExposed = false;
  /** How many live graph nodes saved it. */
  saved = 0;
  /** How many variables, gradients and pending cotangents own it. */
  owned = 0;
  /** The open library frame that will decide about it. */
  frame: Frame | null = null;
  isFreed = false;
  /** Never recycled with its graph: the root of a backward(), detached, or kept by the user. */
  isKept = false;
  /** Views of a variable's memory that the user may hold count as freed: it is not written. */
  hasFreedViews = false;
  /** How often contents were replaced by others, in place. */
  writes = 0;
  /** Freed with its finished graph (finished.ts). */
  isRecycled = false;
  /** Untouched bytes for V8 to see that this record is worth collecting (reclaiming.ts). */
  pressure: ArrayBuffer | null = null;
  /** Number of the op that last used it: operands of the running op are never spilled. */
  stamp = 0;
  /** Neighbours in the list of what may be spilled, least recently used first. */
  previous: Storage | null = null;
  next: Storage | null = null;

  constructor(set: WorkingSet, byteLength: number, type: TensorType | null) {
    this.set = set;
    this.byteLength = byteLength;
    this.shape = type === null ? null : type.shape;
    this.dtype = type === null ? null : type.dtype;
  }

  /** The contents went with their device. */
  get isLost(): boolean {
    return this.buffer?.isLost === true && !this.isClean;
  }

  /** The resident buffer, brought back if it was spilled. @throws DisposedError if freed. */
  use(): Buffer {
    if (this.isFreed) throw this.freedError();
    return this.set.use(this);
  }

  freedError(): DisposedError {
    if (!this.isRecycled) {
      return new DisposedError(
        'this tensor was disposed (by dispose(), using, or the end of its scope()): ' +
          'read it before that, or return it from the scope',
      );
    }
    const shape = this.shape === null ? '' : ` ${formatShape(this.shape)}`;
    return new DisposedError(
      `this tensor${shape} was part of a graph that the next backward() over the same parameters ` +
        'has finished, and its memory has been reused. Read it before that, or keep it: ' +
        'logits.keep().',
    );
  }
}

/** Frees a storage if nobody can reach it any more. */
export function release(storage: Storage): void {
  if (storage.isExposed || storage.saved > 0 || storage.owned > 0) return;
  if (storage.frame !== null || storage.isFreed) return;
  storage.set.free(storage);
}

export function own(storage: Storage): void {
  storage.owned++;
}
export function disown(storage: Storage): void {
  storage.owned--;
  release(storage);
}
export function save(storage: Storage): void {
  storage.saved++;
}
export function unsave(storage: Storage): void {
  storage.saved--;
  release(storage);
}

/** Storages made while a library function runs; at its end those that do not leave it are freed. */
export class Frame {
  readonly parent: Frame | null;
  /** User code runs in it. */
  readonly isUsers: boolean;
  readonly storages: Storage[] = [];
  constructor(parent: Frame | null, isUsers: boolean) {
    this.parent = parent;
    this.isUsers = isUsers;
  }
  adopt(storage: Storage): void {
    storage.frame = this;
    this.storages.push(storage);
  }
  close(result: unknown): void {
    handOver(result, this);
    for (const storage of this.storages) {
      if (storage.frame !== this) continue;
      storage.frame = null;
      if (this.isUsers && storage.owned > 0) storage.hasFreedViews = true;
      release(storage);
    }
  }
}

/** What the function returns moves to the frame around it, or to the user. */
function handOver(value: unknown, frame: Frame): void {
  if (value instanceof Tensor) {
    const { source } = value;
    if (source.kind !== 'storage') return;
    if (frame.parent === null) {
      source.isExposed = true;
      if (source.frame === frame) source.frame = null;
    } else if (source.frame === frame) frame.parent.adopt(source);
  } else if (Array.isArray(value)) for (const item of value) handOver(item, frame);
  else if (value instanceof Map) for (const item of value.values()) handOver(item, frame);
  else if (value !== null && typeof value === 'object') {
    if (Object.getPrototypeOf(value) === Object.prototype) handOver(Object.values(value), frame);
  }
}

/**
 * Library mode, for code that builds on tensors and calls no user code: storages made inside are
 * freed when fn ends, also when it throws, unless they are returned (also within arrays, maps and
 * plain objects), saved by a graph or owned by a variable.
 * @throws TenonError when fn returns a promise
 */
export function library<T>(fn: () => T, isUsers = false): T {
  const frame = new Frame(scope.frame, isUsers);
  scope.frame = frame;
  let result: T | undefined;
  try {
    result = refusePromise('library', fn());
    return result;
  } finally {
    scope.frame = frame.parent;
    frame.close(result);
  }
}

/** Runs code of the user's from within library code: what it makes is the user's. */
export function userCode<T>(fn: () => T, ...handed: readonly (Tensor | null)[]): T {
  for (const tensor of handed) if (tensor !== null) expose(tensor);
  const { frame } = scope;
  scope.frame = null;
  try {
    return fn();
  } finally {
    scope.frame = frame;
  }
}

/** Not recycled with its graph: for what the user said that he keeps. */
export function keepStorage(tensor: Tensor): void {
  if (tensor.source.kind === 'storage') tensor.source.isKept = true;
}

/** From now on the user can hold this tensor: only the collector decides about it. */
export function expose(tensor: Tensor): void {
  if (tensor.source.kind === 'storage') tensor.source.isExposed = true;
}

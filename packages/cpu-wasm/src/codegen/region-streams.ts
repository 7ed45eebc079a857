/**
 * Streams: how the innermost loop reads and writes an operand (or a row of scratch) vector by
 * vector, by stride class. And that loop itself: whole groups of vectors, then the rest with
 * partial stores. Loads may read up to 15 bytes beyond an operand; no lane of it is used.
 */
import type { DType } from '@tenon/core';
import { OP, SIMD } from '../encoder/opcodes.ts';
import type { I32, Value } from './lanes.ts';
import { iotaValue, type RegionWriter, type StoredKind, storedKind } from './region-writer.ts';

/**
 * `u`: which vector of the group, each once in order; `left`: null, or a local with the number of
 * elements left.
 */
export interface Stream {
  load(u: number, left: number | null): Value;
  store(u: number, value: Value, left: number | null): void;
  /** After every group. */
  advance(vectors: number): void;
}

/** Consecutive elements. */
class UnitStream implements Stream {
  private readonly w: RegionWriter;
  private readonly dtype: DType;
  private readonly position: number;
  private readonly bytes: number;

  constructor(w: RegionWriter, dtype: DType, position: number) {
    this.w = w;
    this.dtype = dtype;
    this.position = w.copy(position);
    this.bytes = (dtype === 'f64' ? 8 : 4) * w.lanes.width;
  }

  load(u: number): Value {
    const { lanes } = this.w;
    const stored = lanes.load(storedKind(this.dtype), this.position, u * this.bytes);
    return this.w.fromStored(this.dtype, stored);
  }

  store(u: number, value: Value, left: number | null): void {
    const stored = this.w.toStored(this.dtype, value);
    if (left === null) this.w.lanes.store(this.position, stored, u * this.bytes);
    else storePart(this.w, this.position, null, stored, left);
  }

  advance(vectors: number): void {
    this.w.add(this.position, vectors * this.bytes);
  }
}

/** Elements at any other distance. */
class StridedStream implements Stream {
  private readonly w: RegionWriter;
  private readonly dtype: DType;
  private readonly position: number;
  private readonly stride: number;
  private readonly vector: number;

  constructor(w: RegionWriter, dtype: DType, position: number, stride: number) {
    this.w = w;
    this.dtype = dtype;
    this.position = w.copy(position);
    this.stride = stride;
    this.vector = w.int(() => w.f.get(stride).i32(w.lanes.width).op(OP.i32Mul));
  }

  load(_u: number, left: number | null): Value {
    const { lanes } = this.w;
    const kind = storedKind(this.dtype);
    const stored =
      left === null
        ? lanes.gather(kind, this.position, this.stride)
        : gatherPart(this.w, kind, this.position, this.stride, left);
    this.moveOn();
    return this.w.fromStored(this.dtype, stored);
  }

  store(_u: number, value: Value, left: number | null): void {
    const stored = this.w.toStored(this.dtype, value);
    if (left === null) this.w.lanes.scatter(this.position, this.stride, stored);
    else storePart(this.w, this.position, this.stride, stored, left);
    this.moveOn();
  }

  private moveOn(): void {
    this.w.f.get(this.position, this.vector).op(OP.i32Add).set(this.position);
  }

  advance(): void {}
}

/** One element for all positions. */
class FixedStream implements Stream {
  private readonly w: RegionWriter;
  private readonly dtype: DType;
  private readonly position: number;
  private readonly isRead: boolean;
  private readonly value: Value | null;

  constructor(w: RegionWriter, dtype: DType, position: number, isRead: boolean) {
    this.w = w;
    this.dtype = dtype;
    this.position = position;
    this.isRead = isRead;
    const kind = storedKind(dtype);
    this.value = isRead ? w.fromStored(dtype, w.lanes.loadSplat(kind, position)) : null;
  }

  load(): Value {
    if (this.value === null) throw new Error(`region: not a source, isRead ${this.isRead}`);
    return this.value;
  }

  store(_u: number, value: Value): void {
    this.w.lanes.storeFirst(this.position, this.w.toStored(this.dtype, value));
  }

  advance(): void {}
}

/** Numbers in arithmetic progression. */
class IotaStream implements Stream {
  private readonly w: RegionWriter;
  private readonly dtype: DType;
  private readonly index: I32;
  /** From one vector to the next; null: nothing moves. */
  private readonly delta: I32 | null;

  constructor(w: RegionWriter, dtype: DType, position: number, stride: number | null) {
    const { lanes } = w;
    this.w = w;
    this.dtype = dtype;
    const start = lanes.splat('i32', position);
    if (stride === null) {
      this.index = start;
      this.delta = null;
      return;
    }
    const each = lanes.splat('i32', stride);
    this.index = lanes.variable(lanes.add(start, lanes.mul(lanes.laneIndex(), each)));
    this.delta = lanes.mul(each, lanes.i32(lanes.width));
  }

  load(u: number): Value {
    return iotaValue(this.w.lanes, this.dtype, this.after(u));
  }

  private after(vectors: number): I32 {
    const { lanes } = this.w;
    if (this.delta === null || vectors === 0) return this.index;
    return lanes.add(this.index, lanes.mul(this.delta, lanes.i32(vectors)));
  }

  store(): void {
    throw new Error('region: an iota cannot be written');
  }

  advance(vectors: number): void {
    if (this.delta !== null) this.w.lanes.assign(this.index, this.after(vectors));
  }
}

/** A row of scratch, or anything else that is dense. */
export function rowStream(w: RegionWriter, dtype: DType, position: number): Stream {
  return new UnitStream(w, dtype, position);
}

/** Operand t along `axis` from `position`; `stride`: a local, read where the class is 2. */
export function openStream(
  w: RegionWriter,
  t: number,
  axis: number,
  position: number,
  stride: number,
): Stream {
  const { dtype, isIota } = w.operand(t);
  const strideClass = w.moves(t, axis) ? w.strideClass(t, axis) : 0;
  if (isIota) return new IotaStream(w, dtype, position, strideClass === 0 ? null : stride);
  if (strideClass === 1) return new UnitStream(w, dtype, position);
  if (strideClass === 2) return new StridedStream(w, dtype, position, stride);
  return new FixedStream(w, dtype, position, t < w.plan.spec.inputs.length);
}

/** The first `left` (at least 1) lanes, `stride` bytes apart or (null) next to each other. */
function storePart(
  w: RegionWriter,
  position: number,
  stride: number | null,
  value: Value<StoredKind>,
  left: number,
): void {
  const { f, lanes } = w;
  const whole = (): void => {
    if (stride === null) lanes.store(position, value);
    else lanes.scatter(position, stride, value);
  };
  f.get(left).i32(lanes.width).op(OP.i32GeS);
  f.if(whole, () => {
    const local = value.locals[0]!;
    const at = w.copy(position);
    const lane = (index: number): void => {
      f.get(at, local).memoryLane(SIMD.store32Lane, index);
      if (index === 2) return;
      f.get(left)
        .i32(index + 1)
        .op(OP.i32GtS);
      f.if(() => {
        if (stride === null) w.add(at, 4);
        else f.get(at, stride).op(OP.i32Add).set(at);
        lane(index + 1);
      });
    };
    lane(0);
  });
}

/** Lanes beyond the first `left` repeat the last one, so nothing outside is touched. */
function gatherPart(
  w: RegionWriter,
  kind: StoredKind,
  position: number,
  stride: number,
  left: number,
): Value {
  const { f } = w;
  const at = w.copy(position);
  const local = f.local('v128');
  f.get(at).memory(SIMD.load32Zero).set(local);
  for (let lane = 1; lane < w.lanes.width; lane++) {
    f.get(at, stride).i32(0).get(left).i32(lane).op(OP.i32GtS).op(OP.select);
    f.op(OP.i32Add).tee(at).get(local).memoryLane(SIMD.load32Lane, lane).set(local);
  }
  return { kind, locals: [local] };
}

/** Vectors `us` of a stream as one value. */
export function loadGroup(
  w: RegionWriter,
  stream: Stream,
  us: readonly number[],
  left: number | null,
): Value {
  return w.join(us.map((u) => stream.load(u, left)));
}

/** Stores vectors `us`, which one value holds. */
export function storeGroup(
  w: RegionWriter,
  stream: Stream,
  us: readonly number[],
  value: Value,
  left: number | null,
): void {
  us.forEach((u, k) => {
    stream.store(u, w.part(value, k), left);
  });
}

export interface InnerLoop {
  /** An i32 local: the number of elements, at least 0. */
  readonly count: number;
  /** Vectors in a group. */
  readonly unroll: number;
  readonly streams: Iterable<Stream>;
  /** Vectors `us` of a group. */
  readonly body: (us: readonly number[], left: number | null) => void;
}

/** Emits the loop along the innermost axis. */
export function innerLoop(w: RegionWriter, loop: InnerLoop): void {
  const { f } = w;
  const { width } = w.lanes;
  const { unroll } = loop;
  const left = w.copy(loop.count);
  const group = unroll * width;
  const round = (vectors: number, rest: number | null): void => {
    const us = Array.from({ length: vectors }, (_, u) => u);
    // Scalar lanes know no groups of vectors.
    for (const some of width === 1 ? us.map((u) => [u]) : [us]) {
      w.together(some.length, () => {
        loop.body(some, rest);
      });
    }
    for (const stream of loop.streams) stream.advance(vectors);
  };
  f.get(left).i32(group).op(OP.i32GeS);
  f.if(() => {
    f.loop((again) => {
      round(unroll, null);
      w.add(left, -group);
      f.get(left).i32(group).op(OP.i32GeS).brIf(again);
    });
  });
  if (group === 1) return;
  f.get(left);
  f.if(() => {
    f.loop((again) => {
      round(1, width === 1 ? null : left);
      w.add(left, -width);
      f.get(left).i32(0).op(OP.i32GtS).brIf(again);
    });
  });
}

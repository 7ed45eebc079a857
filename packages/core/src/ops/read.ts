/** Reading: from a backend to host arrays, numbers and text; and from one backend to another. */
import type { Backend } from '../backend.ts';
import { BYTES, type DataArray, type DType } from '../dtype.ts';
import { BackendError, DisposedError, ShapeError, ValueError } from '../errors.ts';
import { storageOf } from '../execute/launch.ts';
import { dense } from '../execute/map.ts';
import { formatTensor } from '../format.ts';
import { halfValue } from '../half.ts';
import { tick } from '../memory/lifetime.ts';
import { library } from '../memory/ownership.ts';
import { runtimeOf } from '../runtime.ts';
import { noGrad } from '../scope.ts';
import { formatShape, type Shape } from '../shape.ts';
import type { NestedArray, Tensor } from '../tensor.ts';
import { fromHost } from './create.ts';
import { requireTensor } from './operand.ts';

function requireReadable(op: string, x: Tensor): void {
  requireTensor(op, x);
  if (x.source.kind === 'disposed') {
    throw new DisposedError(`${op}: this tensor ${formatShape(x.shape)} was disposed`);
  }
  if (x.source.kind === 'traced') storageOf(x);
  if (x.source.kind !== 'storage' || !x.source.isFreed) return;
  throw new DisposedError(`${op}: ${x.source.freedError().message}`);
}

/** A copy of the elements in row-major order. */
export async function data(x: Tensor): Promise<DataArray> {
  requireReadable('data', x);
  const { memory } = x.runtime;
  memory.tick();
  const known = hostCopy(x);
  const bytes = known ?? (await readBytes(x));
  // Between turns of the event loop the collector hands back what was dropped.
  if (memory.reclaiming?.isTight) await tick();
  return decode(bytes, x.dtype);
}

/** The contents, where the host has them and the backend may not. */
function hostCopy({ source, layout, size, dtype }: Tensor): Uint8Array<ArrayBuffer> | null {
  if (source.kind !== 'storage' || !source.isClean || !layout.isDense) return null;
  return source.host?.slice(0, size * BYTES[dtype]) ?? null;
}

async function readBytes(x: Tensor): Promise<Uint8Array<ArrayBuffer>> {
  // The read is ordered here and now, so that a dense copy made for it can go at once.
  const [reading, source, writes] = library(() => {
    const own = noGrad(() => dense(x));
    const storage = storageOf(own);
    const bytes = x.backend.read(storage.use(), 0, own.size * BYTES[own.dtype]);
    return [bytes, own === x ? storage : null, storage.writes] as const;
  });
  const bytes = await reading;
  if (source !== null) x.runtime.memory.keepRead(source, bytes, writes);
  return bytes;
}

/** data() without waiting. @throws BackendError where the backend cannot read at once */
export function dataSync(x: Tensor): DataArray {
  requireReadable('dataSync', x);
  const { backend } = x;
  const { readSync } = backend;
  if (readSync === undefined) {
    throw new BackendError(`dataSync: ${backend.name} cannot read at once (use await x.data())`);
  }
  x.runtime.memory.tick();
  const bytes = library(() => {
    const own = noGrad(() => dense(x));
    return readSync.call(backend, storageOf(own).use(), 0, own.size * BYTES[own.dtype]);
  });
  return decode(bytes, x.dtype);
}

function decode(bytes: Uint8Array<ArrayBuffer>, dtype: DType): DataArray {
  const { buffer, byteOffset, byteLength } = bytes;
  switch (dtype) {
    case 'f32':
      return new Float32Array(buffer, byteOffset, byteLength / 4);
    case 'f64':
      return new Float64Array(buffer, byteOffset, byteLength / 8);
    case 'i32':
      return new Int32Array(buffer, byteOffset, byteLength / 4);
    case 'u32':
      return new Uint32Array(buffer, byteOffset, byteLength / 4);
    case 'bool':
      return Uint8Array.from(new Int32Array(buffer, byteOffset, byteLength / 4));
    default:
      return Float32Array.from(new Uint16Array(buffer, byteOffset, byteLength / 2), halfValue);
  }
}
function requireScalar(op: string, x: Tensor): void {
  requireTensor(op, x);
  if (x.size !== 1) {
    throw new ShapeError(
      `${op}: expected a tensor of one element, got shape ${formatShape(x.shape)}`,
    );
  }
}
/** The only element as a number. */
export async function item(x: Tensor): Promise<number> {
  requireScalar('item', x);
  return (await data(x))[0] as number;
}
export function itemSync(x: Tensor): number {
  requireScalar('itemSync', x);
  return dataSync(x)[0] as number;
}

/** Nested arrays; bools become true and false. */
export async function toArray(x: Tensor): Promise<NestedArray> {
  return nest(await data(x), x.shape, x.dtype);
}
export function toArraySync(x: Tensor): NestedArray {
  return nest(dataSync(x), x.shape, x.dtype);
}
function nest(values: DataArray, shape: Shape, dtype: DType): NestedArray {
  let at = 0;
  const build = (axis: number): NestedArray => {
    if (axis === shape.length) {
      const value = values[at++] as number;
      return dtype === 'bool' ? value !== 0 : value;
    }
    return Array.from({ length: shape[axis] as number }, () => build(axis + 1));
  };
  return build(0);
}

/** Text as NumPy prints it, shortened when large. Where reading would wait: shape and dtype. */
export function format(x: Tensor): string {
  const { source, backend, shape, dtype } = x;
  const head = `${dtype} ${formatShape(shape)} on ${backend.name}`;
  if (source.kind === 'disposed') return `Tensor(${head}, disposed)`;
  if (source.kind === 'traced') return `Tensor(${head}, traced: made by ${source.op})`;
  if (backend.readSync === undefined) return `Tensor(${head}; print await x.toArray())`;
  return formatTensor(dataSync(x), shape, dtype);
}
/** A tensor in arithmetic or a comparison of JavaScript's own would be a hidden read. */
export function refuseCoercion(x: Tensor): never {
  throw new ValueError(
    `a tensor ${formatShape(x.shape)} is not a number: use x.add(y) instead of x + y, ` +
      'x.less(y) instead of x < y, or read it with await x.item()',
  );
}

/** A copy on another backend (x itself if it is there already). */
export async function to(x: Tensor, backend: Backend): Promise<Tensor> {
  if (backend === x.backend) return x;
  const values = await data(x);
  return fromHost(runtimeOf(backend), values, x.shape, x.dtype);
}

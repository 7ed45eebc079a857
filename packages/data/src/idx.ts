/**
 * The IDX format of the MNIST files: two zero bytes, a dtype byte, the rank, big-endian extents,
 * then big-endian values. Format: "THE IDX FILE FORMAT" in the MNIST database's own description.
 */
import { FormatError } from '@tenon/core';
import type { ByteSource } from './bytes.ts';
import { nameOf, readBytes } from './bytes.ts';

/** Values of an IDX file, in the typed array of the file's dtype. */
export type IdxData =
  | Uint8Array
  | Int8Array
  | Int16Array
  | Int32Array
  | Float32Array
  | Float64Array;

/** What an IDX file holds. */
export interface IdxArray {
  readonly data: IdxData;
  /** Extents; the first one counts samples. */
  readonly shape: readonly number[];
}

interface IdxType {
  readonly bytes: number;
  readonly allocate: (length: number) => IdxData;
  readonly read: (view: DataView, offset: number) => number;
}

const types: ReadonlyMap<number, IdxType> = new Map<number, IdxType>([
  [0x08, { bytes: 1, allocate: (n) => new Uint8Array(n), read: (v, at) => v.getUint8(at) }],
  [0x09, { bytes: 1, allocate: (n) => new Int8Array(n), read: (v, at) => v.getInt8(at) }],
  [0x0b, { bytes: 2, allocate: (n) => new Int16Array(n), read: (v, at) => v.getInt16(at) }],
  [0x0c, { bytes: 4, allocate: (n) => new Int32Array(n), read: (v, at) => v.getInt32(at) }],
  [0x0d, { bytes: 4, allocate: (n) => new Float32Array(n), read: (v, at) => v.getFloat32(at) }],
  [0x0e, { bytes: 8, allocate: (n) => new Float64Array(n), read: (v, at) => v.getFloat64(at) }],
]);

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

/**
 * Decodes the bytes of an IDX file (not gzipped): unsigned and signed 8-bit, 16- and 32-bit
 * integers, 32- and 64-bit floats, any rank.
 *
 * Throws FormatError for a wrong magic, an unknown dtype, and for bytes missing or left over.
 *
 * @example
 * ```ts
 * import { parseIdx } from '@tenon/data';
 *
 * const labels = parseIdx(Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1));
 * console.log(labels.shape, labels.data); // [ 3 ] Uint8Array(3) [ 7, 2, 1 ]
 * ```
 */
export function parseIdx(bytes: Uint8Array, name = 'the bytes given'): IdxArray {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const type = bytes.length < 4 ? undefined : types.get(bytes[2]!);
  if (type === undefined || bytes[0] !== 0 || bytes[1] !== 0) {
    throw new FormatError(
      `parseIdx: the magic 00 00, a dtype of 08 09 0b 0c 0d 0e and the rank were expected at the ` +
        `start of ${name}, got ${hex(bytes.subarray(0, 4)) || 'no bytes'}`,
    );
  }
  const rank = bytes[3]!;
  const start = 4 + 4 * rank;
  if (bytes.length < start) {
    throw new FormatError(
      `parseIdx: a header of ${start} bytes (rank ${rank}) was expected in ${name}, ` +
        `got ${bytes.length} bytes`,
    );
  }
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const length = shape.reduce((size, extent) => size * extent, 1);
  const expected = start + length * type.bytes;
  if (bytes.length !== expected) {
    const verdict = bytes.length < expected ? 'truncated' : 'with bytes left over';
    throw new FormatError(
      `parseIdx: ${expected} bytes were expected in ${name} for shape [${shape}], ` +
        `got ${bytes.length} (${verdict})`,
    );
  }
  const data = type.allocate(length);
  if (data instanceof Uint8Array) data.set(bytes.subarray(start));
  else for (let k = 0; k < length; k++) data[k] = type.read(view, start + k * type.bytes);
  return { data, shape };
}

/**
 * Reads an IDX file, gzipped or not, from a path (Node) or bytes.
 *
 * Throws FormatError for a file that is not what it should be, ValueError for one that can't be
 * read.
 */
export async function readIdx(source: ByteSource): Promise<IdxArray> {
  return parseIdx(await readBytes('readIdx', source), nameOf(source));
}

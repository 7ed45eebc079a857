/**
 * The safetensors format: 8 bytes of header length, a JSON header, the tensors' bytes without
 * gaps. Strict in both directions; bytes only, no files (serialization.ts).
 * Source: the format section of the safetensors README.
 */
import { FormatError, ValueError } from '@tenon/core';
import { type HeaderEntry, parseHeader } from './safetensors-header.ts';
import type { StateDict, StoredArrays, StoredDType, StoredTensor } from './state-dict.ts';

/** Free text stored in the header. */
export type Metadata = Readonly<Record<string, string>>;

/** What a safetensors file holds. */
export interface SafetensorsContents {
  readonly tensors: StateDict;
  readonly metadata: Metadata;
}

interface Stored {
  readonly dtype: StoredDType;
  readonly bytes: number;
  readonly array: (buffer: ArrayBuffer) => StoredArrays[StoredDType];
}

/** The format's names for dtypes. */
const DTYPES: ReadonlyMap<string, Stored> = new Map<string, Stored>([
  ['F64', { dtype: 'f64', bytes: 8, array: (b) => new Float64Array(b) }],
  ['I64', { dtype: 'i64', bytes: 8, array: (b) => new BigInt64Array(b) }],
  ['U64', { dtype: 'u64', bytes: 8, array: (b) => new BigUint64Array(b) }],
  ['F32', { dtype: 'f32', bytes: 4, array: (b) => new Float32Array(b) }],
  ['I32', { dtype: 'i32', bytes: 4, array: (b) => new Int32Array(b) }],
  ['U32', { dtype: 'u32', bytes: 4, array: (b) => new Uint32Array(b) }],
  ['F16', { dtype: 'f16', bytes: 2, array: (b) => new Uint16Array(b) }],
  ['BF16', { dtype: 'bf16', bytes: 2, array: (b) => new Uint16Array(b) }],
  ['I16', { dtype: 'i16', bytes: 2, array: (b) => new Int16Array(b) }],
  ['U16', { dtype: 'u16', bytes: 2, array: (b) => new Uint16Array(b) }],
  ['I8', { dtype: 'i8', bytes: 1, array: (b) => new Int8Array(b) }],
  ['U8', { dtype: 'u8', bytes: 1, array: (b) => new Uint8Array(b) }],
  ['BOOL', { dtype: 'bool', bytes: 1, array: (b) => new Uint8Array(b) }],
]);

/**
 * Bytes of a safetensors file with the tensors of `dict`, widest dtypes first, then by name.
 *
 * @throws ValueError where an array's length does not fit its shape
 */
export function encodeSafetensors(
  dict: StateDict,
  metadata: Metadata = {},
): Uint8Array<ArrayBuffer> {
  const entries = [...dict].map(([name, tensor]) => ({ name, tensor, ...codeOf(name, tensor) }));
  entries.sort((a, b) => b.stored.bytes - a.stored.bytes || (a.name < b.name ? -1 : 1));
  const parts: string[] = [];
  if (Object.keys(metadata).length > 0) parts.push(`"__metadata__":${JSON.stringify(metadata)}`);
  let size = 0;
  for (const { name, tensor, code } of entries) {
    const end = size + tensor.data.byteLength;
    const entry = { dtype: code, shape: tensor.shape, data_offsets: [size, end] };
    parts.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`);
    size = end;
  }
  const json = new TextEncoder().encode(`{${parts.join(',')}}`);
  const headerLength = Math.ceil(json.length / 8) * 8; // keeps the tensors aligned to 8 bytes
  const bytes = new Uint8Array(8 + headerLength + size);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerLength), true);
  bytes.set(json, 8);
  bytes.fill(0x20, 8 + json.length, 8 + headerLength);
  let offset = 8 + headerLength;
  for (const { tensor } of entries) {
    const { buffer, byteOffset, byteLength } = tensor.data;
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), offset);
    offset += byteLength;
  }
  return bytes;
}

/**
 * The tensors and metadata of a safetensors file.
 *
 * @throws FormatError where the bytes are truncated, the header is no JSON of the right form, a
 * name appears twice, or offsets overlap, leave gaps or do not fit shape and dtype
 */
export function decodeSafetensors(bytes: Uint8Array): SafetensorsContents {
  const { entries, metadata, dataStart } = parseHeader(bytes);
  const sorted = [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end);
  let position = 0;
  for (const { name, begin, end } of sorted) {
    if (begin !== position) {
      const what = begin < position ? 'overlaps the tensor before it' : 'leaves a gap before it';
      throw new FormatError(
        `safetensors: ${JSON.stringify(name)} ${what}: expected its data at ${position},` +
          ` got ${begin}`,
      );
    }
    position = end;
  }
  const available = bytes.length - dataStart;
  if (position !== available) {
    const what =
      available < position ? 'the file is truncated' : 'there are bytes after the tensors';
    throw new FormatError(
      `safetensors: ${what}: expected ${position} bytes of data, got ${available}`,
    );
  }
  const tensors: StateDict = new Map();
  for (const entry of entries) tensors.set(entry.name, read(bytes, dataStart, entry));
  return { tensors, metadata };
}

function read(bytes: Uint8Array, dataStart: number, entry: HeaderEntry): StoredTensor {
  const { name, code, shape, begin, end } = entry;
  const stored = DTYPES.get(code);
  if (stored === undefined) {
    const known = [...DTYPES.keys()].join(', ');
    throw new FormatError(
      `safetensors: dtype of ${JSON.stringify(name)}: expected one of ${known}, got ${code}`,
    );
  }
  const expected = shape.reduce((a, b) => a * b, stored.bytes);
  if (end - begin !== expected) {
    throw new FormatError(
      `safetensors: ${JSON.stringify(name)} is ${code} [${shape.join(', ')}]: expected ` +
        `${expected} bytes, got ${end - begin}`,
    );
  }
  const copy = new ArrayBuffer(end - begin); // aligned, and independent of the file's bytes
  new Uint8Array(copy).set(bytes.subarray(dataStart + begin, dataStart + end));
  return { dtype: stored.dtype, shape, data: stored.array(copy) };
}

function codeOf(name: string, tensor: StoredTensor): { code: string; stored: Stored } {
  for (const [code, stored] of DTYPES) {
    if (stored.dtype !== tensor.dtype) continue;
    const expected = tensor.shape.reduce((a, b) => a * b, 1);
    if (tensor.data.length !== expected) {
      throw new ValueError(
        `encodeSafetensors: ${name} has shape [${tensor.shape.join(', ')}]: expected ` +
          `${expected} elements, got ${tensor.data.length}`,
      );
    }
    if (tensor.data.BYTES_PER_ELEMENT === stored.bytes) return { code, stored };
  }
  throw new ValueError(
    `encodeSafetensors: ${name} is ${tensor.dtype}: its array does not fit, got ` +
      `${tensor.data.constructor.name}`,
  );
}

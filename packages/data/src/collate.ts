/**
 * Stacks samples into one host array per column, and names the sample that went wrong. The
 * in-memory fast path is ArrayDataset.gather; this one serves `get` and `map`.
 */
import { ShapeError, TenonError, ValueError } from '@tenon/core';
import type { HostArray, HostData, Sample, SampleValue } from './dataset.ts';
import { requireHostData, sizeOf } from './dataset.ts';

/** A sample that could not be read: `index` is its position in the data set, `cause` the error. */
export class SampleError extends TenonError {
  override readonly name: string = 'SampleError';
  /** Position of the sample in the data set that the loader iterates. */
  readonly index: number;

  constructor(op: string, index: number, cause: unknown) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    super(`${op}: sample ${index} could not be read: ${reason}`, { cause });
    this.index = index;
  }
}

/** Allocates a host array of the same dtype. */
export function allocateLike(data: HostData, length: number): HostData {
  if (data instanceof Float32Array) return new Float32Array(length);
  return data instanceof Int32Array ? new Int32Array(length) : new Uint8Array(length);
}

/** The name of a host array's type, for messages. */
function hostTypeName(data: HostData): string {
  return data.constructor.name;
}

/** A sample value in its full form, checked. */
function normalize(value: SampleValue): HostArray {
  if (typeof value === 'number') {
    if (!Number.isInteger(value) || value !== (value | 0)) {
      throw new ValueError(
        `collate: a plain number is an i32 label and must be a 32-bit integer, got ${value}; ` +
          'wrap a real-valued target as { data: Float32Array.of(value), shape: [] }',
      );
    }
    return { data: Int32Array.of(value), shape: [] };
  }
  if (!('shape' in value)) {
    requireHostData('collate', 'a sample', value);
    return { data: value, shape: [value.length] };
  }
  requireHostData('collate', 'a sample', value.data);
  if (sizeOf(value.shape) !== value.data.length) {
    throw new ShapeError(
      `collate: shape [${value.shape}] was expected to hold ${sizeOf(value.shape)} values, ` +
        `got ${value.data.length}`,
    );
  }
  return value;
}

/** Stacks `samples` column by column; `indices[k]` is what errors call sample `k`. */
export function collate(samples: readonly Sample[], indices: ArrayLike<number>): HostArray[] {
  const columns: HostArray[] = [];
  const first = samples[0] ?? [];
  for (let c = 0; c < first.length; c++) columns.push(stackColumn(samples, c, indices));
  for (let k = 1; k < samples.length; k++) {
    if (samples[k]!.length !== first.length) {
      const got = `collate: ${first.length} columns were expected, got ${samples[k]!.length}`;
      throw new SampleError('DataLoader', indices[k]!, new ShapeError(got));
    }
  }
  return columns;
}

function stackColumn(
  samples: readonly Sample[],
  column: number,
  indices: ArrayLike<number>,
): HostArray {
  let out: HostData | undefined;
  let shape: readonly number[] = [];
  let size = 0;
  for (let k = 0; k < samples.length; k++) {
    try {
      const value = normalize(samples[k]![column]!);
      if (out === undefined) {
        shape = value.shape;
        size = value.data.length;
        out = allocateLike(value.data, size * samples.length);
      }
      requireSame(out, shape, value, column);
      out.set(value.data, k * size);
    } catch (error) {
      throw new SampleError('DataLoader', indices[k]!, error);
    }
  }
  return { data: out ?? new Float32Array(0), shape: [samples.length, ...shape] };
}

/** Samples of one column share dtype and shape, as the first of the batch has them. */
function requireSame(
  out: HostData,
  shape: readonly number[],
  value: HostArray,
  column: number,
): void {
  if (value.data.constructor !== out.constructor) {
    throw new ValueError(
      `collate: ${hostTypeName(out)} was expected in column ${column}, as in the batch's first ` +
        `sample, got ${hostTypeName(value.data)}`,
    );
  }
  if (value.shape.length !== shape.length || value.shape.some((n, axis) => n !== shape[axis])) {
    throw new ShapeError(
      `collate: shape [${shape}] was expected in column ${column}, as in the batch's first ` +
        `sample, got [${value.shape}]`,
    );
  }
}

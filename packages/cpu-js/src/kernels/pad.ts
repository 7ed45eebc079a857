/**
 * Constant padding, dense operands. A negative low side cuts.
 * args: outSizes[rank] inSizes[rank] low[rank] value (bits, as a constant). Buffers: x, out.
 */
import type { DType, PadSpec } from '@tenon/core';
import { CpuKernel } from '../kernel.ts';
import { type CpuBuffer, type View, viewOf } from '../storage.ts';

const bits64: Float64Array<ArrayBuffer> = new Float64Array(1);
const words64: Int32Array<ArrayBuffer> = new Int32Array(bits64.buffer);
const bits32: Float32Array<ArrayBuffer> = new Float32Array(bits64.buffer);

/** The constant whose bits start at `word`. */
function constantAt(args: Int32Array, word: number, dtype: DType): number {
  words64[0] = args[word]!;
  if (dtype === 'f32') return bits32[0]!;
  if (dtype !== 'f64') return args[word]!;
  words64[1] = args[word + 1]!;
  return bits64[0]!;
}

function copyRow(x: View, from: number, out: View, to: number, count: number): void {
  if (count >= 32) out.set(x.subarray(from, from + count), to);
  else for (let p = 0; p < count; p++) out[to + p] = x[from + p]!;
}

/** Copies the block of x that lies inside out, one innermost row at a time. */
function padInto(x: View, out: View, args: Int32Array, rank: number, index: Int32Array): void {
  const inner = rank - 1;
  const low = args[2 * rank + inner]!;
  const from0 = Math.max(0, -low);
  const count = Math.min(args[rank + inner]! - from0, args[inner]! - Math.max(0, low));
  if (count <= 0) return;
  index.fill(0);
  let rows = 1;
  for (let axis = 0; axis < inner; axis++) rows *= args[rank + axis]!;
  for (let row = 0; row < rows; row++) {
    let to = 0;
    let isInside = true;
    for (let axis = 0; axis < inner; axis++) {
      const at = index[axis]! + args[2 * rank + axis]!;
      if (at < 0 || at >= args[axis]!) isInside = false;
      to = to * args[axis]! + at;
    }
    if (isInside) {
      const start = to * args[inner]! + Math.max(0, low);
      copyRow(x, row * args[rank + inner]! + from0, out, start, count);
    }
    for (let axis = inner - 1; axis >= 0; axis--) {
      index[axis] = index[axis]! + 1;
      if (index[axis]! < args[rank + axis]!) break;
      index[axis] = 0;
    }
  }
}

export function preparePad(spec: PadSpec): CpuKernel {
  const index = new Int32Array(Math.max(1, spec.rank));
  return new CpuKernel(spec, (buffers, args) => {
    const [x, out] = buffers as [CpuBuffer, CpuBuffer];
    const view = viewOf(out, spec.dtype);
    let size = 1;
    for (let axis = 0; axis < spec.rank; axis++) size *= args[axis]!;
    view.fill(constantAt(args, 3 * spec.rank, spec.dtype), 0, size);
    padInto(viewOf(x, spec.dtype), view, args, spec.rank, index);
  });
}

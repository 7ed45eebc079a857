/**
 * fold, the transpose of unfold along one axis: out[o,n,i] = Σ x[o,w,k,i] over all w, k with
 * w·step + k·dilation = n, added in the order of w, dense operands; every element of out is
 * written, by the one invocation that owns it. args: O N W K step dilation I. Buffers: x, out.
 */
import type { DType, FoldSpec } from '@tenon/core';
import { type Gpu, GpuKernel, type ShaderSource } from '../kernel.ts';
import {
  columnSums,
  columnsOf,
  groupsOf,
  idBelow,
  shaderOf,
  spanOf,
  summedType,
  wordNames,
} from './irregular.ts';

const w = wordNames(
  ...(['total', 'chunks', 'span', 'n', 'windows', 'taps', 'step', 'dilation', 'i'] as const),
  // Windows of one place are `period` apart, and `shift` taps: their distance is a multiple of
  // the dilation.
  ...(['period', 'shift'] as const),
);

export function foldShader(dtype: DType, width: number): ShaderSource {
  const sums = columnSums(dtype, width);
  return shaderOf({
    label: 'fold',
    bindings: [
      { name: 'x', dtype: summedType(dtype), access: 'r' },
      { name: 'out', dtype: summedType(dtype), access: 'w' },
    ],
    words: w,
    body: `  ${idBelow(w.total)}
  let row = id / ${w.chunks};
  let first = id % ${w.chunks} * ${w.span};
  let end = min(first + ${w.span}, ${w.i});
  let n = row % ${w.n};
  let windows = row / ${w.n} * ${w.windows};
  let reach = (${w.taps} - 1u) * ${w.dilation};
  var begin = select(0u, (n - reach + ${w.step} - 1u) / ${w.step}, n > reach);
  let last = min(${w.windows}, n / ${w.step} + 1u);
  while (begin < last && (n - begin * ${w.step}) % ${w.dilation} != 0u) { begin++; }
  let tap = (n - begin * ${w.step}) / ${w.dilation};
  for (var c = first; c < end; c += ${width}u) {
    ${sums.declare}
    var k = tap;
    for (var window = begin; window < last; window += ${w.period}) {
      let at = ((windows + window) * ${w.taps} + k) * ${w.i};
      ${sums.add('at')}
      k -= ${w.shift};
    }
    ${sums.store(`row * ${w.i}`, 'end')}
  }`,
  });
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

export function prepareFold(spec: FoldSpec, gpu: Gpu): GpuKernel {
  const width = columnsOf(gpu);
  const pipeline = gpu.pipeline(foldShader(spec.dtype, width));
  return new GpuKernel(spec, (recorder, buffers, args) => {
    const i = args[6]!;
    const rows = args[0]! * args[1]!;
    if (rows * i === 0) return;
    const step = args[4]!;
    const dilation = args[5]!;
    const period = dilation / greatestCommonDivisor(step, dilation);
    const span = spanOf(gpu, i);
    const chunks = Math.ceil(i / span);
    const words = [rows * chunks, chunks, span, args[1]!, args[2]!, args[3]!, step, dilation];
    words.push(i, period, (step * period) / dilation);
    recorder.dispatch(pipeline, buffers, words, groupsOf(rows * chunks));
  });
}

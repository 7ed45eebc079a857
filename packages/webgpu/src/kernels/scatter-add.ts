/**
 * scatterAdd: out[b,o,n,i] = Σ_j [index[b,j] = n] · x[b,o,j,i], added in the order of j, dense
 * operands; every element of out is written, by the one invocation that owns it: no atomics, so the
 * same bits each time. An index outside [0, N) equals no n: its rows are dropped.
 *
 * Few indices: each owner looks at all of them. Many: they are sorted, stably, and each owner finds
 * its run by binary search. args: B O N J I. Buffers: x, index, out, workspace.
 */
import type { DType, ScatterAddSpec } from '@tenon/core';
import { type Gpu, GpuKernel, type ShaderSource } from '../kernel.ts';
import { cachedPipelines } from './cached-pipelines.ts';
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
import { Sorter } from './sort-steps.ts';

/** Indices that an owner still looks through. */
const FEW = 64;

const w = wordNames('total', 'chunks', 'span', 'o', 'n', 'j', 'i', 'slice', 'from');

const BEGIN = `${idBelow(w.total)}
  let row = id / ${w.chunks};
  let first = id % ${w.chunks} * ${w.span};
  let end = min(first + ${w.span}, ${w.i});
  let slice = ${w.slice} + row / ${w.n};
  let n = row % ${w.n};
  let to = (slice * ${w.n} + n) * ${w.i};`;

/** Every owner looks at every index. */
export function scatterFewShader(dtype: DType, width: number): ShaderSource {
  const sums = columnSums(dtype, width);
  return shaderOf({
    label: 'scatterAdd',
    bindings: [
      { name: 'x', dtype: summedType(dtype), access: 'r' },
      { name: 'index', dtype: 'i32', access: 'r' },
      { name: 'out', dtype: summedType(dtype), access: 'w' },
    ],
    words: w,
    body: `  ${BEGIN}
  let indices = slice / ${w.o} * ${w.j};
  for (var c = first; c < end; c += ${width}u) {
    ${sums.declare}
    for (var j = 0u; j < ${w.j}; j++) {
      if (u32(index[indices + j]) != n) { continue; }
      let at = (slice * ${w.j} + j) * ${w.i};
      ${sums.add('at')}
    }
    ${sums.store('to', 'end')}
  }`,
  });
}

/** Owners find their run among the sorted pairs of key and j, from pair `from` on. */
export function scatterSortedShader(dtype: DType, width: number): ShaderSource {
  const sums = columnSums(dtype, width);
  return shaderOf({
    label: 'scatterAdd',
    bindings: [
      { name: 'x', dtype: summedType(dtype), access: 'r' },
      { name: 'work', dtype: 'u32', access: 'r' },
      { name: 'out', dtype: summedType(dtype), access: 'w' },
    ],
    words: w,
    body: `  ${BEGIN}
  let pairs = ${w.from} + (slice / ${w.o} - ${w.slice} / ${w.o}) * ${w.j};
  let pairs_end = pairs + ${w.j};
  // Keys of integers are shifted by 2^31.
  let key = n ^ 0x80000000u;
  var low = pairs;
  var high = pairs_end;
  while (low < high) {
    let half = (low + high) / 2u;
    if (work[2u * half] < key) { low = half + 1u; } else { high = half; }
  }
  for (var c = first; c < end; c += ${width}u) {
    ${sums.declare}
    for (var p = low; p < pairs_end && work[2u * p] == key; p++) {
      let at = (slice * ${w.j} + work[2u * p + 1u]) * ${w.i};
      ${sums.add('at')}
    }
    ${sums.store('to', 'end')}
  }`,
  });
}

export function prepareScatterAdd(spec: ScatterAddSpec, gpu: Gpu): GpuKernel {
  const width = columnsOf(gpu);
  const few = gpu.pipeline(scatterFewShader(spec.dtype, width));
  const later = cachedPipelines(gpu);
  const sorter = new Sorter(gpu, { dtype: 'i32', descending: false });
  return new GpuKernel(
    spec,
    (recorder, buffers, args) => {
      const [b, o, n, j, i] = [args[0]!, args[1]!, args[2]!, args[3]!, args[4]!];
      if (b * o * n * i === 0) return;
      const [x, index, out, work] = buffers;
      const span = spanOf(gpu, i);
      const chunks = Math.ceil(i / span);
      if (j <= FEW) {
        const total = b * o * n * chunks;
        const words = [total, chunks, span, o, n, j, i, 0, 0];
        recorder.dispatch(few, [x!, index!, out!], words, groupsOf(total));
        return;
      }
      const sorted = later('sorted', () => scatterSortedShader(spec.dtype, width));
      const together = sorter.together(b, j);
      for (let row = 0; row < b; row += together) {
        const rows = Math.min(together, b - row);
        const range = { row, rows, n: j, i: 1 };
        const from = sorter.encode(recorder, { x: index!, work: work!, out: null }, range);
        const total = rows * o * n * chunks;
        const words = [total, chunks, span, o, n, j, i, row * o, from];
        recorder.dispatch(sorted, [x!, work!, out!], words, groupsOf(total));
      }
    },
    (args) => (args[3]! <= FEW ? 0 : sorter.workspace(args[0]!, args[3]!, 'pairs')),
  );
}

/**
 * gather: out[b,o,j,i] = x[b,o,index[b,j],i], dense operands. An index outside [0, N), a negative
 * one too, gives NaN, or 0 in integers and bools: never a neighbour's value.
 * args: B O N J I. Buffers: x, index, out.
 */
import type { DType, GatherSpec } from '@tenon/core';
import { type Gpu, GpuKernel, type ShaderSource } from '../kernel.ts';
import { groupsOf, idBelow, movedType, shaderOf, spanOf, wordNames } from './irregular.ts';

const w = wordNames('total', 'chunks', 'span', 'o', 'n', 'j', 'i', 'fill');

export function gatherShader(dtype: DType): ShaderSource {
  const moved = movedType(dtype);
  const fill = moved === 'f16' ? `bitcast<vec2<f16>>(${w.fill}).x` : w.fill;
  return shaderOf({
    label: 'gather',
    bindings: [
      { name: 'x', dtype: moved, access: 'r' },
      { name: 'index', dtype: 'i32', access: 'r' },
      { name: 'out', dtype: moved, access: 'w' },
    ],
    words: w,
    body: `  ${idBelow(w.total)}
  let row = id / ${w.chunks};
  let slice = row / ${w.j};
  let place = u32(index[slice / ${w.o} * ${w.j} + row % ${w.j}]);
  let first = id % ${w.chunks} * ${w.span};
  let end = min(first + ${w.span}, ${w.i});
  let to = row * ${w.i};
  if (place >= ${w.n}) {
    for (var c = first; c < end; c++) { out[to + c] = ${fill}; }
    return;
  }
  let source = (slice * ${w.n} + place) * ${w.i};
  for (var c = first; c < end; c++) { out[to + c] = x[source + c]; }`,
  });
}

/** What an index out of range gives, as bits. */
function fillBits(dtype: DType): number {
  if (dtype === 'f32') return 0x7fc00000;
  return dtype === 'f16' ? 0x7e00 : 0;
}

export function prepareGather(spec: GatherSpec, gpu: Gpu): GpuKernel {
  const pipeline = gpu.pipeline(gatherShader(spec.dtype));
  return new GpuKernel(spec, (recorder, buffers, args) => {
    const i = args[4]!;
    const rows = args[0]! * args[1]! * args[3]!;
    if (rows * i === 0) return;
    const span = spanOf(gpu, i);
    const chunks = Math.ceil(i / span);
    const words = [rows * chunks, chunks, span, args[1]!, args[2]!, args[3]!, i];
    words.push(fillBits(spec.dtype));
    recorder.dispatch(pipeline, buffers, words, groupsOf(rows * chunks));
  });
}

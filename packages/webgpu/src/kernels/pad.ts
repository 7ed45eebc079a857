/**
 * Constant padding, dense operands. A negative low side cuts.
 * args: outSizes[rank] inSizes[rank] low[rank] value (bits, as a constant). Buffers: x, out.
 */
import type { DType, PadSpec } from '@tenon/core';
import { word } from '../codegen/shader.ts';
import { type Gpu, GpuKernel, type ShaderSource } from '../kernel.ts';
import { groupsOf, idBelow, movedType, shaderOf, spanOf, wordNames } from './irregular.ts';

const HEAD = ['total', 'chunks', 'span', 'value', 'axes'] as const;
const w = wordNames(...HEAD);

/** For at most `rank` axes, in launch order: out size, in size, low of each follow the head. */
export function padShader(dtype: DType, rank: number): ShaderSource {
  const moved = movedType(dtype);
  const words: Record<string, string> = { ...w };
  for (let i = 0; i < 3 * rank; i++) words[`axis${i}`] = word(HEAD.length + i);
  return shaderOf({
    label: 'pad',
    bindings: [
      { name: 'x', dtype: moved, access: 'r' },
      { name: 'out', dtype: moved, access: 'w' },
    ],
    words,
    declarations: `fn axis_word(i: u32) -> u32 {
  let at = i + ${HEAD.length}u;
  return words[at / 4u][at % 4u];
}`,
    body: `  ${idBelow(w.total)}
  let row = id / ${w.chunks};
  let first = id % ${w.chunks} * ${w.span};
  let last = 3u * (${w.axes} - 1u);
  let size = axis_word(last);
  let inner = axis_word(last + 1u);
  let low = axis_word(last + 2u);
  var rest = row;
  var origin = 0u;
  var stride = inner;
  var is_inside = true;
  for (var axis = last; axis > 0u; axis -= 3u) {
    let out_size = axis_word(axis - 3u);
    let in_size = axis_word(axis - 2u);
    // Before the input is beyond it: differences wrap.
    let at = rest % out_size - axis_word(axis - 1u);
    rest /= out_size;
    is_inside = is_inside && at < in_size;
    origin += at * stride;
    stride *= in_size;
  }
  let end = min(first + ${w.span}, size);
  for (var c = first; c < end; c++) {
    let at = c - low;
    var value = ${moved === 'f16' ? `f16(bitcast<f32>(${w.value}))` : w.value};
    if (is_inside && at < inner) { value = x[origin + at]; }
    out[row * size + c] = value;
  }`,
  });
}

/** Axes outermost first, three words each; one that is not padded joins the one outside it. */
function mergedAxes(args: Int32Array, rank: number): number[] {
  const axes: number[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const out = args[axis]!;
    const size = args[rank + axis]!;
    const low = args[2 * rank + axis]!;
    const last = axes.length - 3;
    if (last >= 0 && low === 0 && out === size) {
      for (let p = last; p < last + 3; p++) axes[p] = axes[p]! * out;
    } else {
      axes.push(out, size, low);
    }
  }
  return axes.length === 0 ? [1, 1, 0] : axes;
}

export function preparePad(spec: PadSpec, gpu: Gpu): GpuKernel {
  const { rank } = spec;
  const most = Math.max(1, rank);
  const pipeline = gpu.pipeline(padShader(spec.dtype, most));
  return new GpuKernel(spec, (recorder, buffers, args) => {
    const axes = mergedAxes(args, rank);
    const count = axes.length / 3;
    let rows = 1;
    for (let axis = 0; axis < count - 1; axis++) rows *= axes[3 * axis]!;
    const row = axes[3 * (count - 1)]!;
    if (rows * row === 0) return;
    const span = spanOf(gpu, row);
    const chunks = Math.ceil(row / span);
    const words = [rows * chunks, chunks, span, args[3 * rank]!, count, ...axes];
    while (words.length < HEAD.length + 3 * most) words.push(0);
    recorder.dispatch(pipeline, buffers, words, groupsOf(rows * chunks));
  });
}

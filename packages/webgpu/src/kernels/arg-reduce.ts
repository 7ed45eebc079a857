/**
 * Index of the first extreme over n; the first NaN wins over everything. Dense operands. Few long
 * rows are cut into parts that take every parts-th element, whose winners a second shader compares.
 * args: O N I. Buffers: x, out (i32 [o, i]), workspace.
 */
import type { ArgReduceSpec } from '@tenon/core';
import { type Gpu, GpuKernel, type ShaderSource } from '../kernel.ts';
import { cachedPipelines } from './cached-pipelines.ts';
import {
  bitsAt,
  groupsOf,
  idBelow,
  isRegister,
  keyFunction,
  movedType,
  shaderOf,
  wordNames,
} from './irregular.ts';

const w = wordNames('total', 'parts', 'n', 'i');

/** Growing towards the extreme; NaN, the largest key, stays where it is. */
function rankFunction({ dtype, reducer }: ArgReduceSpec): string {
  const rank =
    reducer === 'max'
      ? 'return key_of(bits);'
      : dtype === 'f32' || dtype === 'f16'
        ? 'let key = key_of(bits);\n  return select(~key, key, key == 0xffffffffu);'
        : 'return ~key_of(bits);';
  return `${keyFunction(dtype)}\nfn rank_of(bits: u32) -> u32 {\n  ${rank}\n}`;
}

/** The winner of each row, or with `isPart` the rank and place of that of each part. */
export function argReduceShader(spec: ArgReduceSpec, isPart: boolean): ShaderSource {
  const result = isPart
    ? 'work[2u * id] = best;\n  work[2u * id + 1u] = place;'
    : 'out[id] = i32(place);';
  return shaderOf({
    label: 'argReduce',
    bindings: [
      { name: 'x', dtype: movedType(spec.dtype), access: 'r' },
      isPart
        ? { name: 'work', dtype: 'u32', access: 'w' }
        : { name: 'out', dtype: 'i32', access: 'w' },
    ],
    words: w,
    declarations: rankFunction(spec),
    body: `  ${idBelow(w.total)}
  let column = id % ${w.i};
  let part = id / ${w.i} % ${w.parts};
  let base = id / ${w.i} / ${w.parts} * ${w.n} * ${w.i} + column;
  var place = part;
  var best = rank_of(${bitsAt(spec.dtype, `base + part * ${w.i}`)});
  for (var p = part + ${w.parts}; p < ${w.n}; p += ${w.parts}) {
    let rank = rank_of(${bitsAt(spec.dtype, `base + p * ${w.i}`)});
    if (rank > best) { best = rank; place = p; }
  }
  ${result}`,
  });
}

function argReduceParts(): ShaderSource {
  return shaderOf({
    label: 'argReduce',
    bindings: [
      { name: 'work', dtype: 'u32', access: 'r' },
      { name: 'out', dtype: 'i32', access: 'w' },
    ],
    words: w,
    body: `  ${idBelow(w.total)}
  let first = id / ${w.i} * ${w.parts} * ${w.i} + id % ${w.i};
  var best = work[2u * first];
  var place = work[2u * first + 1u];
  for (var part = 1u; part < ${w.parts}; part++) {
    let at = 2u * (first + part * ${w.i});
    let rank = work[at];
    let other = work[at + 1u];
    if (rank > best || (rank == best && other < place)) { best = rank; place = other; }
  }
  out[id] = i32(place);`,
  });
}

export function prepareArgReduce(spec: ArgReduceSpec, gpu: Gpu): GpuKernel {
  const whole = gpu.pipeline(argReduceShader(spec, false));
  const later = cachedPipelines(gpu);
  // Invocations that fill the device.
  const plenty = isRegister(gpu) ? 512 : 16384;
  const partsOf = (rows: number, n: number): number => {
    if (n < 512 || 2 * rows > plenty) return 1;
    return Math.min(Math.ceil(n / 128), Math.ceil(plenty / rows), 1024);
  };
  return new GpuKernel(
    spec,
    (recorder, buffers, args) => {
      const n = args[1]!;
      const i = args[2]!;
      const rows = args[0]! * i;
      if (rows * n === 0) return;
      const parts = partsOf(rows, n);
      const [x, out, work] = buffers;
      if (parts === 1) {
        recorder.dispatch(whole, [x!, out!], [rows, 1, n, i], groupsOf(rows));
        return;
      }
      const total = rows * parts;
      const each = later('parts', () => argReduceShader(spec, true));
      recorder.dispatch(each, [x!, work!], [total, parts, n, i], groupsOf(total));
      const last = later('last', argReduceParts);
      recorder.dispatch(last, [work!, out!], [rows, parts, n, i], groupsOf(rows));
    },
    (args) => {
      const rows = args[0]! * args[2]!;
      const parts = partsOf(rows, args[1]!);
      return parts === 1 ? 0 : 8 * rows * parts;
    },
  );
}

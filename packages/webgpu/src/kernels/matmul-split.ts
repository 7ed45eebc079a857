/**
 * The second dispatch of a product whose inner axis was cut: adds the slices' sums, always in the
 * same order, and takes each total through the epilogue.
 */
import { type Assembled, assemble, at, finishOf, type Target } from './matmul-text.ts';

/** Invocations per workgroup. */
export const COMBINE_GROUP = 64;

/** Workspace: partial[batch][slice][m][n] in f32. */
export function combineShader(target: Target): Assembled {
  const finish = finishOf(target);
  const body = `let M = ${at('M')};
let N = ${at('N')};
let id = group * ${COMBINE_GROUP}u + local;
let batch = id / (M * N);
if (batch >= ${at('B0')} * ${at('B1')}) { return; }
let slices = ${at('slices')};
let first = batch * slices * M * N + id % (M * N);
var sums = vec4<f32>();
var s = 0u;
for (; s + 3u < slices; s += 4u) {
  let p = first + s * M * N;
  sums += vec4(partial[p], partial[p + M * N], partial[p + 2u * M * N], partial[p + 3u * M * N]);
}
for (; s < slices; s++) { sums[s % 4u] += partial[first + s * M * N]; }
let sum = (sums.x + sums.y) + (sums.z + sums.w);
let i0 = batch / ${at('B1')};
let i1 = batch % ${at('B1')};
${finish.start}
${finish.store('((id / N) % M)', '(id % N)', 'sum')}`;
  const inputs = [{ name: 'partial', dtype: 'f32', access: 'r' } as const];
  return assemble({ label: 'matmul', inputs, workgroup: COMBINE_GROUP, body }, finish);
}

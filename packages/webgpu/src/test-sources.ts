/** For tests of the backend itself, in Node and in browsers: texts of shaders, good and bad. */
import { accessOf, type Binding, shaderText, word } from './codegen/shader.ts';
import type { ShaderSource } from './kernel.ts';

const BINDINGS: readonly Binding[] = [
  { name: 'a', dtype: 'f32', access: 'r' },
  { name: 'b', dtype: 'f32', access: 'r' },
  { name: 'result', dtype: 'f32', access: 'w' },
];
export const WORKGROUP = 64;

/** result[i] = a[i] + b[i], each from its offset on. args: n, then offset and stride of each. */
export const ADD: ShaderSource = {
  label: 'add',
  access: accessOf(BINDINGS),
  words: 7,
  code: shaderText({
    bindings: BINDINGS,
    words: 7,
    workgroup: WORKGROUP,
    body: `let i = group * ${WORKGROUP}u + local;
if (i >= ${word(0)}) { return; }
let sum = a[${word(1)} + i * ${word(2)}] + b[${word(3)} + i * ${word(4)}];
result[${word(5)} + i * ${word(6)}] = sum;`,
  }),
};

/** result[i] = result[i] + b[i]: the first operand's storage is the result's. */
export const ADD_TO: ShaderSource = {
  label: 'addTo',
  access: 'rw',
  words: 7,
  code: ADD.code
    .replace(/^.*> a: .*\n/m, '')
    .replaceAll('a[', 'result[')
    .replace('binding(2)', 'binding(1)')
    .replace('binding(3)', 'binding(2)'),
};

/** A text that no device takes. */
export const BROKEN: ShaderSource = {
  ...ADD,
  label: 'broken',
  code: ADD.code.replace('a[', 'nowhere['),
};

/** Words of an add over n elements that start at the offsets given. */
export function addWords(n: number, a = 0, b = 0, result = 0): Int32Array {
  return Int32Array.of(n, a, 1, b, 1, result, 1);
}

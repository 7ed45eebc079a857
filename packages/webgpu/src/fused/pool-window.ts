/**
 * How pooling windows lie in a plane of up to three axes, as launch words, and the WGSL loops over
 * what they cover. An invocation takes a few neighbours of a line: it divides once for all of them
 * (a division costs a CPU behind WebGPU as much as a load); on a GPU it takes one.
 */
import type { PoolAttrs, TensorType } from '@tenon/core';
import { word } from '../codegen/shader.ts';
import type { Gpu } from '../kernel.ts';
import { AXES, floatSupports, sizeOf, threeAxes } from './fused-shader.ts';

/** Larger windows are reductions in core, with another order of NaN, of zeros and of sums. */
const MAX_WINDOW = 16;

/** Words of poolWords, where they start. */
export const POOL_WORDS = 18;
const [UNITS, PER_LINE, SPAN] = [0, 1, 2].map(word);
const [SIZE, COUNT, KERNEL, STRIDE, DILATION] = [3, 6, 9, 12, 15] as const;
const SPAN_OF_CPU = 16;

/** True, or why windows of this size have no kernel. */
export function windowSupports({ kernel }: PoolAttrs): true | string {
  const length = sizeOf(kernel);
  if (length >= 2 && length <= MAX_WINDOW) return true;
  return `takes windows of 2 to ${MAX_WINDOW} elements, not ${length}`;
}

export function poolSupports(
  gpu: Gpu,
  inputs: readonly TensorType[],
  { counts }: PoolAttrs,
): true | string {
  if (counts.length > AXES) return `has ${counts.length} spatial axes, over ${AXES}`;
  return floatSupports(gpu, inputs);
}

/**
 * What an invocation takes a line of: windows; elements; or cells, which are as large as the stride
 * and hold one window each, if windows do not overlap.
 */
export type Domain = 'windows' | 'elements' | 'cells';

export function isApart({ kernel, stride, dilation }: PoolAttrs): boolean {
  return kernel.every((k, i) => (k - 1) * dilation[i]! < stride[i]!);
}

/** Units of work, units of a line, results of a unit; sizes, counts, windows of three axes. */
export function poolWords(
  gpu: Gpu,
  input: readonly number[],
  { counts, kernel, stride, dilation }: PoolAttrs,
  domain: Domain,
): number[] {
  const [n, c, ...sizes] = input;
  const size = threeAxes(sizes, 1);
  const count = threeAxes(counts, 1);
  const steps = threeAxes(stride, 1);
  const cells = size.map((length, i) => Math.ceil(length / steps[i]!));
  const [z, y, x] = { windows: count, elements: size, cells }[domain];
  const span = gpu.profile.variant === 'register' ? Math.min(x!, SPAN_OF_CPU) : 1;
  const perLine = Math.ceil(x! / span);
  return [
    ...[n! * c! * z! * y! * perLine, perLine, span],
    ...size,
    ...count,
    ...threeAxes(kernel, 1),
    ...steps,
    ...threeAxes(dilation, 1),
  ];
}

/** Runs `before`, and `visit` for each x of the line of unit `id`; both see plane, z and y. */
function eachOfLine(
  workgroup: number,
  lengths: readonly string[],
  visit: string,
  before = '',
): string {
  const [depth, height, width] = lengths;
  return `let id = group * ${workgroup}u + local;
if (id >= ${UNITS}) { return; }
var rest = id / ${PER_LINE};
let firstX = (id - rest * ${PER_LINE}) * ${SPAN};
let lines = rest / ${height};
let y = rest - lines * ${height};
let plane = lines / ${depth};
let z = lines - plane * ${depth};
let endX = min(firstX + ${SPAN}, ${width});
${before}
for (var x = firstX; x < endX; x++) {
${visit}
}`;
}
function axisWords(first: number): string[] {
  return [0, 1, 2].map((axis) => word(first + axis));
}

/**
 * Runs `visit` for each element of each window, in order; it sees `at`, where that is, and
 * `position`, where in its plane. `begin` and `end` run around a window, whose number is `window`.
 */
export function eachElement(workgroup: number, begin: string, visit: string, end: string): string {
  const loop = (axis: string, i: number, body: string): string => `var k${axis} = 0u;
loop {
${body}
continuing { k${axis}++; break if k${axis} >= ${word(KERNEL + i)}; }
}`;
  const column = `let position = line + x * ${word(STRIDE + 2)} + kx * ${word(DILATION + 2)};
let at = first + position;
${visit}`;
  const line = `let row = y * ${word(STRIDE + 1)} + ky * ${word(DILATION + 1)};
let line = (slice + row) * ${word(SIZE + 2)};
${loop('x', 2, column)}`;
  const slice = `let slice = (z * ${word(STRIDE)} + kz * ${word(DILATION)}) * ${word(SIZE + 1)};
${loop('y', 1, line)}`;
  return eachOfLine(
    workgroup,
    axisWords(COUNT),
    `let window = ((plane * ${word(COUNT)} + z) * ${word(COUNT + 1)} + y) * ${word(COUNT + 2)} + x;
let first = plane * (${axisWords(SIZE).join(' * ')});
${begin}
${loop('z', 0, slice)}
${end}`,
  );
}

/** Declares the windows along an axis that reach as far as an element: from first to end. */
function reach(axis: 'z' | 'y' | 'x'): string {
  const i = 'zyx'.indexOf(axis);
  const [stride, span] = [word(STRIDE + i), `(${word(KERNEL + i)} - 1u) * ${word(DILATION + i)}`];
  return `let span_${axis} = ${span};
let first_${axis} =
select(0u, (${axis} - span_${axis} + ${stride} - 1u) / ${stride}, ${axis} > span_${axis});
let end_${axis} = min(${word(COUNT + i)}, ${axis} / ${stride} + 1u);`;
}
/** As many turns as windows may reach an element, for all elements alike. */
function eachReaching(axis: 'z' | 'y' | 'x', body: string): string {
  const stride = word(STRIDE + 'zyx'.indexOf(axis));
  return `var w${axis} = first_${axis};
loop {
${body}
continuing { w${axis}++; break if w${axis} > first_${axis} + span_${axis} / ${stride}; }
}`;
}

/**
 * Runs `visit` for each window that reaches an element of the input, in the order of windows, and
 * for others that are not there; with dilation it may have no element there. It sees the window's
 * number as `window`, if it `isThere`. `begin` and `end` run around an element, which is number
 * `position` in its plane and `at` in all.
 */
export function eachWindow(workgroup: number, begin: string, visit: string, end: string): string {
  const body = `let window =
((plane * ${word(COUNT)} + wz) * ${word(COUNT + 1)} + wy) * ${word(COUNT + 2)} + wx;
let isThere = (wz < end_z) & (wy < end_y) & (wx < end_x);
${visit}`;
  return eachOfLine(
    workgroup,
    axisWords(SIZE),
    `let position = (z * ${word(SIZE + 1)} + y) * ${word(SIZE + 2)} + x;
let at = plane * (${axisWords(SIZE).join(' * ')}) + position;
${reach('x')}
${begin}
${eachReaching('z', eachReaching('y', eachReaching('x', body)))}
${end}`,
    `${reach('z')}
${reach('y')}`,
  );
}

/**
 * Runs `visit` for each element of each cell; it sees `at` and `position`. `begin` runs before a
 * cell: `window` is its window's number, if it `isThere`.
 */
export function eachOfCell(workgroup: number, begin: string, visit: string): string {
  const cells = [0, 1, 2].map(
    (i) => `((${word(SIZE + i)} + ${word(STRIDE + i)} - 1u) / ${word(STRIDE + i)})`,
  );
  const range = (axis: 'z' | 'y' | 'x'): string => {
    const i = 'zyx'.indexOf(axis);
    return `let end_${axis} = min((${axis} + 1u) * ${word(STRIDE + i)}, ${word(SIZE + i)});`;
  };
  const loop = (axis: 'z' | 'y' | 'x', body: string): string => `var e${axis} = ${axis} * ${word(
    STRIDE + 'zyx'.indexOf(axis),
  )};
loop {
${body}
continuing { e${axis}++; break if e${axis} >= end_${axis}; }
}`;
  const element = `let position = (ez * ${word(SIZE + 1)} + ey) * ${word(SIZE + 2)} + ex;
let at = first + position;
${visit}`;
  return eachOfLine(
    workgroup,
    cells,
    `let window = ((plane * ${word(COUNT)} + z) * ${word(COUNT + 1)} + y) * ${word(COUNT + 2)} + x;
let isThere = (z < ${word(COUNT)}) & (y < ${word(COUNT + 1)}) & (x < ${word(COUNT + 2)});
let first = plane * (${axisWords(SIZE).join(' * ')});
${begin}
${range('x')}
${loop('z', loop('y', loop('x', element)))}`,
    `${range('z')}
${range('y')}`,
  );
}

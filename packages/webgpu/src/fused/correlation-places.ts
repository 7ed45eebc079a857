/**
 * Shaders of conv and convInputGrad: rows are outer channels, columns places, terms inner channels
 * of each tap. What lies outside of the source is 0 there, which an infinite weight would turn into
 * NaN: results that are NaN are therefore summed again, term by term inside (placeAgain).
 * Bindings: source, factor (the weight), out.
 */
import type { DType } from '@tenon/core';
import { type Binding, word } from '../codegen/shader.ts';
import type { ShaderSource } from '../kernel.ts';
import { AT, PLACES_AT, PLACES_WORDS } from './correlation.ts';
import {
  accumulators,
  addTerms,
  BLOCK,
  endBlock,
  ownRow,
  ownRows,
  quadText,
  type RegisterTile,
  repeat,
  sharing,
  storeTotals,
  sumTerms,
  type Terms,
} from './correlation-register.ts';
import { each, fusedShader, loaded, stored } from './fused-shader.ts';

export function correlationBindings(dtype: DType, out: DType): Binding[] {
  return [
    { name: 'source', dtype, access: 'r' },
    { name: 'factor', dtype, access: 'r' },
    { name: 'out', dtype: out, access: 'w' },
  ];
}

/** The word of an axis, of three from `first` on. */
export function at(first: number, axis: 'z' | 'y' | 'x'): string {
  return word(first + 'zyx'.indexOf(axis));
}
const SIZE_Z: string = at(AT.size, 'z');
const SIZE_Y: string = at(AT.size, 'y');
const SIZE_X: string = at(AT.size, 'x');
/** Elements of a plane of the source. */
export const PLANE: string = `(${SIZE_Z} * ${SIZE_Y} * ${SIZE_X})`;
/** Channels of the source and of the target. */
export const INNERS: string = `(${word(AT.groups)} * ${word(AT.inner)})`;
export const OUTERS: string = `(${word(AT.groups)} * ${word(AT.outer)})`;
export const WINDOWS: string = `(${[0, 1, 2].map((i) => word(AT.count + i)).join(' * ')})`;
export const TAPS: string = `(${[0, 1, 2].map((i) => word(AT.taps + i)).join(' * ')})`;

/** Where an element of the plane of the source is; coordinates may be negative (wrapped). */
export function inPlane(z: string, y: string, x: string): string {
  return `((${z}) * ${SIZE_Y} + ${y}) * ${SIZE_X} + ${x}`;
}
/**
 * Whether coordinates are in the source. `&` and not `&&`, here and in the loops: what branches
 * there, in a row, takes SwiftShader exponential time to compile.
 */
export function isInside(z: string, y: string, x: string): string {
  return `(${z} < ${SIZE_Z}) & (${y} < ${SIZE_Y}) & (${x} < ${SIZE_X})`;
}
/** Elements of a plane of the target. */
export const TARGET_PLANE: string = [0, 1, 2]
  .map((i) => word(PLACES_AT.targetSize + i))
  .join(' * ');

/**
 * WGSL: `startOf` gives where the window of a place starts, `targetOf` where its result goes (for
 * outer channel 0), `placeAgain` the sum without what lies outside. `place`: n, z, y, x.
 */
export function placeFunctions(dtype: DType): string {
  const tap = (axis: 'z' | 'y' | 'x'): string => `t${axis} * ${at(AT.tapStep, axis)}`;
  const target = (axis: 'z' | 'y' | 'x', i: number): string =>
    `(place[${i}] * ${at(PLACES_AT.targetStep, axis)} + ${at(PLACES_AT.targetFirst, axis)})`;
  const size = (axis: 'z' | 'y' | 'x'): string => at(PLACES_AT.targetSize, axis);
  return `fn placeOf(index: u32) -> vec4<u32> {
  var rest = index;
  let x = rest % ${at(AT.count, 'x')};
  rest /= ${at(AT.count, 'x')};
  let y = rest % ${at(AT.count, 'y')};
  rest /= ${at(AT.count, 'y')};
  return vec4<u32>(rest / ${at(AT.count, 'z')}, rest % ${at(AT.count, 'z')}, y, x);
}
fn startOf(place: vec4<u32>) -> vec3<u32> {
  return place.yzw * vec3<u32>(${[0, 1, 2].map((i) => word(AT.step + i)).join(', ')}) +
    vec3<u32>(${[0, 1, 2].map((i) => word(AT.first + i)).join(', ')});
}
fn targetOf(place: vec4<u32>, part: u32) -> u32 {
  let channel = place[0] * ${OUTERS} + part * ${word(AT.outer)};
  return ((channel * ${size('z')} + ${target('z', 1)}) * ${size('y')} + ${target('y', 2)}) *
    ${size('x')} + ${target('x', 3)};
}
fn placeAgain(place: vec4<u32>, part: u32, row: u32) -> f32 {
  let start = startOf(place);
  var total = 0.0;
  for (var tz = 0u; tz < ${at(AT.taps, 'z')}; tz++) {
    for (var ty = 0u; ty < ${at(AT.taps, 'y')}; ty++) {
      for (var tx = 0u; tx < ${at(AT.taps, 'x')}; tx++) {
        let z = start.x + ${tap('z')};
        let y = start.y + ${tap('y')};
        let x = start.z + ${tap('x')};
        if (!(${isInside('z', 'y', 'x')})) { continue; }
        var read = (place[0] * ${INNERS} + part * ${word(AT.inner)}) * ${PLANE} +
          ${inPlane('z', 'y', 'x')};
        var by = ${weightAt('part', 'row')} + ${tapAt('tz', 'ty', 'tx')};
        var sum = 0.0;
        for (var c = 0u; c < ${word(AT.inner)}; c++) {
          sum += ${loaded(dtype, 'source[read]')} * ${loaded(dtype, 'factor[by]')};
          read += ${PLANE};
          by += ${word(PLACES_AT.weightInner)};
        }
        if (is_nan(sum)) { return sum; }
        total += sum;
      }
    }
  }
  return total;
}`;
}

/** Where in the weight outer channel `row` of a group starts, and from there a tap. */
export function weightAt(part: string, row: string): string {
  const { weightGroup, weightOuter } = PLACES_AT;
  return `${part} * ${word(weightGroup)} + ${row} * ${word(weightOuter)}`;
}
export function tapAt(z: string, y: string, x: string): string {
  const { weightTap, weightStart } = PLACES_AT;
  const taps = [z, y, x].map((t, i) => `${t} * ${word(weightTap + i)}`);
  return `${word(weightStart)} + ${taps.join(' + ')}`;
}

function columnText(j: number): string {
  const start = (axis: 'z' | 'y' | 'x'): string =>
    `let ${axis}${j} = start${j}[${'zyx'.indexOf(axis)}];`;
  return `let place${j} = placeOf(place + ${j}u);
let start${j} = startOf(place${j});
${start('z')} ${start('y')} ${start('x')}
let column${j} = (place${j}[0] * ${INNERS} + part * inner) * plane +
${inPlane(`z${j}`, `y${j}`, `x${j}`)};
let isReal${j} = (unit < units) & (place + ${j}u < places);`;
}

/** Which columns are inside of the source at the tap, and where that is. */
function tapText({ columns }: RegisterTile): string {
  return `let dz = tz * ${at(AT.tapStep, 'z')};
let dy = ty * ${at(AT.tapStep, 'y')};
let dx = tx * ${at(AT.tapStep, 'x')};
${each(columns, (j) => {
  const inside = isInside(`z${j} + dz`, `y${j} + dy`, `x${j} + dx`);
  return `let isIn${j} = isReal${j} & (tap < taps) & ${inside};`;
})}
let sourceTap = ${inPlane('dz', 'dy', 'dx')};
let factorTap = ${tapAt('tz', 'ty', 'tx')};`;
}
/** Goes to the next tap, if `isLast`: that was the last block of its channels. */
function nextTap(isLast: string): string {
  return `let isLast = ${isLast};
tap += u32(isLast);
tx += u32(isLast);
let isLine = tx == ${at(AT.taps, 'x')};
tx = select(tx, 0u, isLine);
ty += u32(isLine);
let isSlice = ty == ${at(AT.taps, 'y')};
ty = select(ty, 0u, isSlice);
tz += u32(isSlice);`;
}

/** The loop over blocks of terms: channels of a tap, or taps where there is one channel. */
function tapLoop(dtype: DType, tile: RegisterTile): string {
  const terms: Terms = {
    prepare: `let s0 = sourceTap + k * plane;
let f0 = factorTap + k * pitch;
${each(tile.unroll - 1, (u) => `let s${u + 1} = s${u} + plane; let f${u + 1} = f${u} + pitch;`)}`,
    row: (i, u) => loaded(dtype, `factor[from${i} + f${u}]`),
    column: (j, u) => loaded(dtype, `source[column${j} + s${u}]`),
    isInside: (j) => `isIn${j}`,
  };
  if (tile.isSingle) {
    const block = `let stop = min(taps, tap + ${BLOCK}u);
while (tap < stop) {
${tapText(tile)}
const k = 0u;
${addTerms(tile, terms)}
${nextTap('true')}
}
${endBlock(tile)}`;
    return `var tap = 0u;
${repeat(block, '', 'tap >= taps')}`;
  }
  const block = `${tapText(tile)}
let stop = min(inner, channel + ${BLOCK}u);
${sumTerms(tile, terms, 'channel')}
${endBlock(tile)}`;
  return `var tap = 0u;
var channel = 0u;
${repeat(
  block,
  `channel += ${BLOCK}u;
${nextTap('channel >= inner')}
channel = select(channel, 0u, isLast);`,
  'tap >= taps',
)}`;
}

function registerBody(dtype: DType, tile: RegisterTile, workgroup: number): string {
  const { rows, columns } = tile;
  const share = sharing(tile);
  const value = (index: string): string => loaded(dtype, index);
  return `let outer = ${word(AT.outer)};
let inner = ${word(AT.inner)};
let plane = ${PLANE};
let pitch = ${word(PLACES_AT.weightInner)};
let targetPlane = ${TARGET_PLANE};
let places = ${word(AT.images)} * ${WINDOWS};
let across = (places + ${share * columns - 1}u) / ${share * columns}u;
let blocks = (outer + ${rows - 1}u) / ${rows}u;
let units = across * blocks * ${word(AT.groups)};
if (group * ${workgroup / share}u >= units) { return; }
${quadText(tile)}
let index = group * ${workgroup}u + local;
let unit = index / ${share}u;
let place = (unit % across) * ${share * columns}u + (index % ${share}u) * ${columns}u;
let firstRow = unit / across % blocks * ${rows}u;
let part = unit / across / blocks;
${each(columns, columnText)}
${each(ownRows(tile), (i) => {
  const row = `min(firstRow + ${ownRow(tile, i)}, outer - 1u)`;
  return `let from${i} = ${weightAt('part', row)};`;
})}
${accumulators(tile)}
var tz = 0u; var ty = 0u; var tx = 0u;
let taps = ${TAPS};
${tapLoop(dtype, tile)}
${storeTotals(tile, {
  isThere: '(unit < units) & (place + j < places)',
  goal: 'let one = placeOf(place + j);\nlet goal = targetOf(one, part);',
  pitch: 'targetPlane',
  store: (total) => stored(dtype, total),
  load: value('out[to]'),
  again: stored(dtype, 'placeAgain(one, part, row)'),
})}`;
}

/** conv or convInputGrad in register tiles, by groups of `workgroup` invocations. */
export function placesShader(
  label: string,
  dtype: DType,
  tile: RegisterTile,
  workgroup: number,
): ShaderSource {
  return fusedShader({
    label,
    bindings: correlationBindings(dtype, dtype),
    words: PLACES_WORDS,
    workgroup,
    prelude: ['is_nan'],
    declarations: placeFunctions(dtype),
    body: registerBody(dtype, tile, workgroup),
    hasSubgroups: tile.hasQuads,
  });
}

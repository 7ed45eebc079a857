/**
 * Tiles in workgroup memory, for GPUs: 256 invocations compute 64 outer channels at 64 places (or
 * weights), 4x4 each, from 16 terms at a time. Where a term lies (inner channel and tap, or place)
 * is worked out by 16 of them, so that the others divide nothing. Neighbouring invocations read
 * neighbouring terms of the factor and neighbouring places of the source.
 */
import type { DType } from '@tenon/core';
import { word } from '../codegen/shader.ts';
import type { ShaderSource } from '../kernel.ts';
import { AT, PLACES_AT, PLACES_WORDS, SUMS_AT, SUMS_WORDS } from './correlation.ts';
import {
  correlationBindings,
  INNERS,
  inPlane,
  isInside,
  PLANE,
  placeFunctions,
  TAPS,
  TARGET_PLANE,
  tapAt,
  WINDOWS,
  weightAt,
} from './correlation-places.ts';
import { SEGMENTS, sumFunctions, WEIGHTS } from './correlation-sums.ts';
import { each, fusedShader, loaded, stored } from './fused-shader.ts';

/** Outer channels, and places or weights, of a workgroup. */
export const TILE = 64;
const GROUP = 256;
const DEPTH = 16;
const SIDE = 4;
/** Between rows in workgroup memory: odd, so that 16 writers of a column meet different banks. */
const PITCH = TILE + 1;
/** Steps that are added up before they go to a total: 128 terms. */
const STEPS = 8;

/** What differs between places and sums. All but `functions` is seen inside main. */
interface Kind {
  readonly functions: string;
  /** Declares part, rows, columns (limits), firstRow, firstColumn, begin and end of the terms. */
  readonly setup: string;
  /** Of term k: `byFactor`, and `bySource`: coordinates z, y, x and where in the source. */
  readonly term: string;
  /** Where the factor of `row` starts. */
  readonly row: string;
  /** Of `column`: coordinates and where in the source, to add to a term's. */
  readonly column: string;
  /** Where the result of row and column goes, and its sum without what lies outside. */
  readonly goal: string;
  readonly again: string;
}

function tileBody(dtype: DType, out: DType, kind: Kind): string {
  const cells = (fn: (name: string, i: number, j: number) => string): string =>
    each(SIDE, (i) => each(SIDE, (j) => fn(`${i}_${j}`, i, j), ' '));
  const termText = `if (local < ${DEPTH}u) {
let k = step + local;
var byFactor = 0u;
// A term beyond the last is far outside.
var bySource = vec4<u32>(0x80000000u, 0u, 0u, 0u);
if (k < end) {
${kind.term}
}
factorOf[local] = byFactor;
sourceOf[local] = bySource;
}`;
  return `${kind.setup}
let loadTerm = local & ${DEPTH - 1}u;
let loadRow = local / ${DEPTH}u;
let loadColumn = local & ${TILE - 1}u;
let firstTerm = local / ${TILE}u;
let tx = local & 15u;
let ty = local / 16u;
var column = min(firstColumn + loadColumn, columns - 1u);
let isReal = firstColumn + loadColumn < columns;
${kind.column}
${each(SIDE, (i) => {
  const row = `min(firstRow + loadRow + ${16 * i}u, rows - 1u)`;
  return `let read${i} = factorRow(part, ${row});`;
})}
${cells((name) => `var sum${name} = 0.0; var total${name} = 0.0;`)}
var steps = 0u;
for (var step = begin; step < end; step += ${DEPTH}u) {
${termText}
workgroupBarrier();
let isTerm = step + loadTerm < end;
let factorTerm = factorOf[loadTerm];
${each(
  SIDE,
  (i) => `factors[loadTerm * ${PITCH}u + loadRow + ${16 * i}u] =
select(0.0, ${loaded(dtype, `factor[read${i} + factorTerm]`)}, isTerm);`,
)}
${each(
  SIDE,
  (i) => `let term${i} = sourceOf[firstTerm + ${SIDE * i}u] + columnAt;
sources[(firstTerm + ${SIDE * i}u) * ${PITCH}u + loadColumn] =
select(0.0, ${loaded(dtype, `source[term${i}.w]`)},
isReal & ${isInside(`term${i}.x`, `term${i}.y`, `term${i}.z`)});`,
)}
workgroupBarrier();
for (var k = 0u; k < ${DEPTH}u; k++) {
${each(SIDE, (i) => `let r${i} = factors[k * ${PITCH}u + ty + ${16 * i}u];`)}
${each(SIDE, (j) => `let c${j} = sources[k * ${PITCH}u + tx + ${16 * j}u];`)}
${cells((name, i, j) => `sum${name} += r${i} * c${j};`)}
}
steps++;
if (steps == ${STEPS}u) {
steps = 0u;
${cells((name) => `total${name} += sum${name}; sum${name} = 0.0;`)}
}
}
${cells((name) => `total${name} += sum${name};`)}
var worst = 0u;
${cells((name) => `worst = max(worst, bitcast<u32>(total${name}) & 0x7fffffffu);`)}
${each(
  SIDE,
  (j) => `column = firstColumn + tx + ${16 * j}u;
if (column < columns) {
${kind.goal}
${each(
  SIDE,
  (i) => `if (firstRow + ty + ${16 * i}u < rows) {
out[goal + (firstRow + ty + ${16 * i}u) * rowPitch] = ${stored(out, `total${i}_${j}`)};
}`,
)}
}`,
)}
if (worst > 0x7f800000u) {
for (column = firstColumn + tx; column < min(firstColumn + ${TILE}u, columns); column += 16u) {
${kind.goal}
for (var row = firstRow + ty; row < min(firstRow + ${TILE}u, rows); row += 16u) {
let to = goal + row * rowPitch;
if (is_nan(${loaded(out, 'out[to]')})) { out[to] = ${stored(out, kind.again)}; }
}
}
}`;
}

function tileShader(
  label: string,
  words: number,
  dtype: DType,
  out: DType,
  kind: Kind,
): ShaderSource {
  return fusedShader({
    label,
    bindings: correlationBindings(dtype, out),
    words,
    workgroup: GROUP,
    prelude: ['is_nan'],
    declarations: `var<workgroup> factors: array<f32, ${DEPTH * PITCH}>;
var<workgroup> sources: array<f32, ${DEPTH * PITCH}>;
var<workgroup> factorOf: array<u32, ${DEPTH}>;
var<workgroup> sourceOf: array<vec4<u32>, ${DEPTH}>;
fn factorRow(part: u32, row: u32) -> u32 { return ${kind.row}; }
${kind.functions}`,
    body: tileBody(dtype, out, kind),
  });
}

/** Declares rows and, from `group`, firstColumn, firstRow, part and chunk; needs columns. */
function unitText(chunks: string): string {
  return `let outer = ${word(AT.outer)};
let rows = outer;
let inner = ${word(AT.inner)};
let tilesAcross = (columns + ${TILE - 1}u) / ${TILE}u;
let blocks = (rows + ${TILE - 1}u) / ${TILE}u;
let parts = ${word(AT.groups)};
if (group >= tilesAcross * blocks * parts * ${chunks}) { return; }
let firstColumn = group % tilesAcross * ${TILE}u;
let firstRow = group / tilesAcross % blocks * ${TILE}u;
let part = group / tilesAcross / blocks % parts;
let chunk = group / tilesAcross / blocks / parts;`;
}

/** conv and convInputGrad: terms are inner channels and taps, columns places. */
export function placesTileShader(label: string, dtype: DType): ShaderSource {
  const [tz, ty, tx] = [0, 1, 2].map((i) => word(AT.tapStep + i));
  return tileShader(label, PLACES_WORDS, dtype, dtype, {
    functions: placeFunctions(dtype),
    setup: `let columns = ${word(AT.images)} * ${WINDOWS};
${unitText('1u')}
let rowPitch = ${TARGET_PLANE};
let begin = 0u;
let end = inner * ${TAPS};`,
    term: `let c = k / ${TAPS};
var rest = k % ${TAPS};
let kx = rest % ${word(AT.taps + 2)};
rest /= ${word(AT.taps + 2)};
let ky = rest % ${word(AT.taps + 1)};
let kz = rest / ${word(AT.taps + 1)};
byFactor = c * ${word(PLACES_AT.weightInner)} + ${tapAt('kz', 'ky', 'kx')};
let z = kz * ${tz};
let y = ky * ${ty};
let x = kx * ${tx};
bySource = vec4<u32>(z, y, x, c * ${PLANE} + ${inPlane('z', 'y', 'x')});`,
    row: weightAt('part', 'row'),
    column: `let place = placeOf(column);
let start = startOf(place);
let columnAt = vec4<u32>(start, (place[0] * ${INNERS} + part * inner) * ${PLANE} +
${inPlane('start.x', 'start.y', 'start.z')});`,
    goal: 'let goal = targetOf(placeOf(column), part);',
    again: 'placeAgain(placeOf(column), part, row)',
  });
}

/** The chunks of convWeightGrad: terms are places, columns weights of an outer channel. */
export function sumsTileShader(dtype: DType): ShaderSource {
  const [count, step, start] = [AT.count + 2, AT.step + 2, AT.first + 2].map(word);
  return tileShader('convWeightGrad', SUMS_WORDS, dtype, 'f32', {
    functions: sumFunctions(dtype),
    setup: `let columns = ${WEIGHTS};
${unitText(word(SUMS_AT.chunks))}
let rowPitch = columns;
let first = chunk * ${word(SUMS_AT.perChunk)};
let endSegment = min(first + ${word(SUMS_AT.perChunk)}, ${SEGMENTS});
let begin = placeBefore(first);
let end = placeBefore(endSegment);`,
    term: `let line = lineOf(k / ${count});
let along = k % ${count};
byFactor = line.w + along;
bySource = vec4<u32>(line.xy, ${start} + along * ${step}, line.z + along * ${step});`,
    row: `(part * ${word(AT.outer)} + row) * ${WINDOWS}`,
    column: `let tap = tapOf(column);
let columnAt = vec4<u32>(tap.xyz, part * inner * ${PLANE} + tap.w);`,
    goal: `let goal = (chunk * parts + part) * outer * columns + column;`,
    again: 'sumAgain(part, row, column, first, endSegment)',
  });
}

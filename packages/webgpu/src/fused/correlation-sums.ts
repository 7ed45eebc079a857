/**
 * Shaders of convWeightGrad: rows are outer channels, columns weights of an outer channel (inner
 * channel and tap), terms the places of all images. The long sum is cut into chunks of segments
 * (rows of places, or parts of them); each is summed by itself into `out`, then a second shader
 * adds up the chunks. Bindings: source (x), factor (g), out.
 */
import type { DType } from '@tenon/core';
import { word } from '../codegen/shader.ts';
import type { ShaderSource } from '../kernel.ts';
import { AT, SEGMENT_PLACES, SUMS_AT, SUMS_WORDS } from './correlation.ts';
import {
  at,
  correlationBindings,
  INNERS,
  inPlane,
  OUTERS,
  PLANE,
  TAPS,
  WINDOWS,
} from './correlation-places.ts';
import {
  accumulators,
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

/** Segments of a line, and of all images: a line is cut where it is longer. */
const PER_LINE = `((${at(AT.count, 'x')} + ${SEGMENT_PLACES - 1}u) / ${SEGMENT_PLACES}u)`;
const PER_IMAGE = `${at(AT.count, 'z')} * ${at(AT.count, 'y')}`;
export const SEGMENTS: string = `(${word(AT.images)} * ${PER_IMAGE} * ${PER_LINE})`;
/** Weights of an outer channel. */
export const WEIGHTS: string = `(${word(AT.inner)} * ${TAPS})`;

/**
 * WGSL: `tapOf` gives where a weight's window element lies, from a window's start, and (w) where in
 * the source, from that of the group; `lineOf` where the windows of a line start: coordinates z, y,
 * and where in the source and in the cotangent; `placeBefore` where a segment
 * starts among all places; `sumAgain` sums what lies inside, term by term.
 */
export function sumFunctions(dtype: DType): string {
  return `fn tapOf(weight: u32) -> vec4<u32> {
  let c = weight / ${TAPS};
  var rest = weight % ${TAPS};
  let x = rest % ${at(AT.taps, 'x')} * ${at(AT.tapStep, 'x')};
  rest /= ${at(AT.taps, 'x')};
  let y = rest % ${at(AT.taps, 'y')} * ${at(AT.tapStep, 'y')};
  let z = rest / ${at(AT.taps, 'y')} * ${at(AT.tapStep, 'z')};
  return vec4<u32>(z, y, x, c * ${PLANE} + ${inPlane('z', 'y', 'x')});
}
fn lineOf(line: u32) -> vec4<u32> {
  let perImage = ${at(AT.count, 'z')} * ${at(AT.count, 'y')};
  let image = line / perImage;
  let rest = line % perImage;
  let z = rest / ${at(AT.count, 'y')} * ${at(AT.step, 'z')} + ${at(AT.first, 'z')};
  let y = rest % ${at(AT.count, 'y')} * ${at(AT.step, 'y')} + ${at(AT.first, 'y')};
  return vec4<u32>(z, y, image * ${INNERS} * ${PLANE} + ${inPlane('z', 'y', at(AT.first, 'x'))},
    image * ${OUTERS} * ${WINDOWS} + rest * ${at(AT.count, 'x')});
}
fn placeBefore(segment: u32) -> u32 {
  let along = min(segment % ${PER_LINE} * ${SEGMENT_PLACES}u, ${at(AT.count, 'x')});
  return segment / ${PER_LINE} * ${at(AT.count, 'x')} + along;
}
fn sumAgain(part: u32, row: u32, weight: u32, first: u32, end: u32) -> f32 {
  let tap = tapOf(weight);
  var total = 0.0;
  for (var segment = first; segment < end; segment++) {
    let start = lineOf(segment / ${PER_LINE});
    let along = segment % ${PER_LINE} * ${SEGMENT_PLACES}u;
    if (start.x + tap.x >= ${at(AT.size, 'z')}) { continue; }
    if (start.y + tap.y >= ${at(AT.size, 'y')}) { continue; }
    let read = start.z + tap.w + part * ${word(AT.inner)} * ${PLANE};
    let by = start.w + (part * ${word(AT.outer)} + row) * ${WINDOWS};
    var sum = 0.0;
    for (var k = along; k < min(along + ${SEGMENT_PLACES}u, ${at(AT.count, 'x')}); k++) {
      let x = tap.z + k * ${at(AT.step, 'x')};
      if (x + ${at(AT.first, 'x')} >= ${at(AT.size, 'x')}) { continue; }
      sum += ${loaded(dtype, `source[read + k * ${at(AT.step, 'x')}]`)} *
        ${loaded(dtype, 'factor[by + k]')};
    }
    if (is_nan(sum)) { return sum; }
    total += sum;
  }
  return total;
}`;
}

const SAME_SEGMENTS = `// A quad is in one unit: its invocations take the same segments.
@diagnostic(off, subgroup_uniformity)`;

function registerBody(dtype: DType, tile: RegisterTile, workgroup: number): string {
  const { rows, columns } = tile;
  const share = sharing(tile);
  const value = (index: string): string => loaded(dtype, index);
  const column = (j: number): string => `let tap${j} = tapOf(firstWeight + ${j}u);
let column${j} = part * inner * plane + tap${j}.w;
let isReal${j} = (unit < units) & (firstWeight + ${j}u < weights);`;
  const terms: Terms = {
    prepare: each(
      tile.unroll,
      (u) => `let d${u} = (k + ${u}u) * step;
let s${u} = start.z + d${u}; let f${u} = start.w + k + ${u}u;`,
    ),
    row: (i, u) => value(`factor[read${i} + f${u}]`),
    column: (j, u) => value(`source[column${j} + s${u}]`),
    isInside: (j, u) => `isIn${j} & (x${j} + d${u} < sizeX)`,
  };
  const line = `let start = lineOf(segment / perLine);
let along = segment % perLine * ${SEGMENT_PLACES}u;
let stop = select(0u, min(count, along + ${SEGMENT_PLACES}u), segment < end);
${each(
  columns,
  (
    j,
  ) => `let isIn${j} = isReal${j} & (segment < end) & (start.x + tap${j}.x < ${at(AT.size, 'z')}) &
(start.y + tap${j}.y < ${at(AT.size, 'y')});
let x${j} = tap${j}.z + ${at(AT.first, 'x')};`,
)}
${sumTerms(tile, terms, 'along')}`;
  // As many segments as hold a block of terms.
  const block = `let endBlock = min(end, segment + ${word(SUMS_AT.perBlock)});
${repeat(line, 'segment++;', 'segment >= endBlock')}
${endBlock(tile)}`;
  return `let outer = ${word(AT.outer)};
let inner = ${word(AT.inner)};
let plane = ${PLANE};
let windows = ${WINDOWS};
let weights = ${WEIGHTS};
let across = (weights + ${share * columns - 1}u) / ${share * columns}u;
let blocks = (outer + ${rows - 1}u) / ${rows}u;
let groups = ${word(AT.groups)};
let units = across * blocks * groups * ${word(SUMS_AT.chunks)};
if (group * ${workgroup / share}u >= units) { return; }
${quadText(tile)}
let index = group * ${workgroup}u + local;
let unit = index / ${share}u;
let firstWeight = (unit % across) * ${share * columns}u + (index % ${share}u) * ${columns}u;
let firstRow = unit / across % blocks * ${rows}u;
let part = unit / across / blocks % groups;
let chunk = unit / across / blocks / groups;
let first = chunk * ${word(SUMS_AT.perChunk)};
let end = min(first + ${word(SUMS_AT.perChunk)}, ${SEGMENTS});
${each(columns, column)}
${each(ownRows(tile), (i) => {
  const row = `min(firstRow + ${ownRow(tile, i)}, outer - 1u)`;
  return `let read${i} = (part * outer + ${row}) * windows;`;
})}
${accumulators(tile)}
let count = ${at(AT.count, 'x')};
let step = ${at(AT.step, 'x')};
let perLine = ${PER_LINE};
let sizeX = ${at(AT.size, 'x')};
var segment = first;
${tile.hasQuads ? SAME_SEGMENTS : ''}
${repeat(block, '', 'segment >= end')}
${storeTotals(tile, {
  isThere: '(unit < units) & (firstWeight + j < weights)',
  goal: 'let goal = (chunk * groups + part) * outer * weights + firstWeight + j;',
  pitch: 'weights',
  store: (total) => total,
  load: 'out[to]',
  again: 'sumAgain(part, row, firstWeight + j, first, end)',
})}`;
}

/** The chunks of convWeightGrad in register tiles. */
export function sumsShader(dtype: DType, tile: RegisterTile, workgroup: number): ShaderSource {
  return fusedShader({
    label: 'convWeightGrad',
    bindings: correlationBindings(dtype, 'f32'),
    words: SUMS_WORDS,
    workgroup,
    prelude: ['is_nan'],
    declarations: sumFunctions(dtype),
    body: registerBody(dtype, tile, workgroup),
    hasSubgroups: tile.hasQuads,
  });
}

/** Words of totalShader: elements of a result, and chunks. */
const TOTAL_WORDS = 2;
/** Chunks that are added up before they go to the total. */
const BLOCK = 16;

/** Adds up the chunks, in blocks. Bindings: chunks (f32), out. */
export function totalShader(dtype: DType, workgroup: number): ShaderSource {
  return fusedShader({
    label: 'convWeightGrad',
    bindings: [
      { name: 'chunks', dtype: 'f32', access: 'r' },
      { name: 'out', dtype, access: 'w' },
    ],
    words: TOTAL_WORDS,
    workgroup,
    body: `let id = group * ${workgroup}u + local;
if (id >= ${word(0)}) { return; }
var total = 0.0;
for (var first = 0u; first < ${word(1)}; first += ${BLOCK}u) {
  var sum = 0.0;
  for (var chunk = first; chunk < min(first + ${BLOCK}u, ${word(1)}); chunk++) {
    sum += chunks[chunk * ${word(0)} + id];
  }
  total += sum;
}
out[id] = ${stored(dtype, 'total')};`,
  });
}

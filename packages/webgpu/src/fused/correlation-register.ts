/**
 * Register tiles without workgroup memory or barriers: an invocation computes `rows` outer channels
 * at `columns` places (or weights), and reads each operand once for all of them. Loads are what
 * costs on a CPU behind WebGPU (over ten multiplications each), so there the four invocations of a
 * quad, which take the same rows, load a quarter of them each and swap: 1.4 times as fast there.
 */
import { each } from './fused-shader.ts';

export interface RegisterTile {
  readonly rows: number;
  readonly columns: number;
  /** Terms of a step of the innermost loop. */
  readonly unroll: number;
  /** There is one inner channel: no loop over them. `unroll` is 1 then. */
  readonly isSingle: boolean;
  /** Rows are loaded once for the four invocations of a quad. `rows` is a multiple of 4 then. */
  readonly hasQuads: boolean;
}

/** Terms that are added up before they go to a total: sums of sums round less often. */
export const BLOCK = 128;
const SWAPS = ['', 'quadSwapX', 'quadSwapY', 'quadSwapDiagonal'] as const;

/** Invocations that share the rows. */
export function sharing({ hasQuads }: RegisterTile): number {
  return hasQuads ? 4 : 1;
}
/** Rows that an invocation itself loads. */
export function ownRows(tile: RegisterTile): number {
  return tile.rows / sharing(tile);
}
/** The row, of those of its tile, that load `i` of an invocation reads. */
export function ownRow({ hasQuads }: RegisterTile, i: number): string {
  return hasQuads ? `${4 * i}u + quad` : `${i}u`;
}
/** The row of its tile that accumulator `r` of an invocation is for. */
function rowOf({ hasQuads }: RegisterTile, r: number): string {
  return hasQuads ? `${r - (r % 4)}u + (quad ^ ${r % 4}u)` : `${r}u`;
}
/** Which invocation of a quad this is; quads are neighbours in the subgroup. */
export function quadText({ hasQuads }: RegisterTile): string {
  return hasQuads ? 'let quad = lane & 3u;' : '';
}

function eachCell(tile: RegisterTile, fn: (name: string, r: number, j: number) => string): string {
  return each(tile.rows, (r) => each(tile.columns, (j) => fn(`${r}_${j}`, r, j), ' '));
}

export function accumulators(tile: RegisterTile): string {
  return eachCell(tile, (name) => `var sum${name} = 0.0; var total${name} = 0.0;`);
}
export interface Results {
  /** Whether there is a column `j`, and a unit to compute. */
  readonly isThere: string;
  /** Declares `goal`, where the results of the column go, from row 0 on. */
  readonly goal: string;
  /** Elements from row to row, an expression. */
  readonly pitch: string;
  /** The value that is stored, and what is stored, as f32. */
  store(value: string): string;
  readonly load: string;
  /** The sum of `row` and column without what lies outside, as it is stored. */
  readonly again: string;
}

/**
 * Stores the totals, then sums again those that are NaN. Loops over columns, because hundreds of
 * branches take long to compile. The second is apart, and empty as a rule: SwiftShader goes through
 * what is in a branch even if no invocation takes it.
 */
export function storeTotals(tile: RegisterTile, results: Results): string {
  const { rows, columns } = tile;
  const { isThere, goal, pitch } = results;
  const all = (fn: (name: string) => string, separator: string): string =>
    each(rows, (r) => each(columns, (j) => fn(`total${r}_${j}`), separator), `${separator}\n`);
  return `var totals = array<f32, ${rows * columns}>(
${all((name) => name, ', ')});
var worst = 0u;
${all((name) => `worst = max(worst, bitcast<u32>(${name}) & 0x7fffffffu);`, ' ')}
${each(rows, (r) => `let row${r} = firstRow + ${rowOf(tile, r)};`)}
var j = 0u;
${repeat(
  `${goal}
let isThere = ${isThere};
${each(
  rows,
  (r) => `if (isThere & (row${r} < outer)) {
out[goal + row${r} * ${pitch}] = ${results.store(`totals[j + ${r * columns}u]`)};
}`,
)}`,
  'j++;',
  `j >= ${columns}u`,
)}
let again = select(0u, ${columns}u, worst > 0x7f800000u);
for (j = 0u; j < again; j++) {
${goal}
let endRow = select(0u, min(firstRow + ${rows}u, outer), ${isThere});
for (var row = firstRow; row < endRow; row++) {
let to = goal + row * ${pitch};
if (is_nan(${results.load})) { out[to] = ${results.again}; }
}
}`;
}

export interface Terms {
  /** Statements before a step, for its first term (`k`) and the next (u = 1). */
  readonly prepare: string;
  /** The value of own row `i`, or column `j`, at term k + u. */
  row(i: number, u: number): string;
  column(j: number, u: number): string;
  /** Whether column `j` is inside the source there: outside it counts as 0. */
  isInside(j: number, u: number): string;
}

/** Adds the products of term k, and of the next ones if they are below `stop`. */
export function addTerms(tile: RegisterTile, terms: Terms): string {
  const { rows, columns, unroll } = tile;
  const share = sharing(tile);
  const load = (u: number): string => {
    const more = u === 0 ? '' : `let more${u} = k + ${u}u < stop;\n`;
    const also = u === 0 ? '' : ` & more${u}`;
    const row = (i: number): string =>
      u === 0 ? terms.row(i, u) : `select(0.0, ${terms.row(i, u)}, more${u})`;
    return `${more}${each(
      columns,
      (j) => `let c${j}_${u} = select(0.0, ${terms.column(j, u)}, ${terms.isInside(j, u)}${also});`,
    )}
${each(rows, (r) => {
  if (r % share === 0) return `let r${r}_${u} = ${row(r / share)};`;
  return `let r${r}_${u} = ${SWAPS[r % share]}(r${r - (r % share)}_${u});`;
})}`;
  };
  const product = (r: number, j: number): string =>
    each(unroll, (u) => `r${r}_${u} * c${j}_${u}`, ' + ');
  return `${terms.prepare}
${each(unroll, load)}
${eachCell(tile, (name, r, j) => `sum${name} += ${product(r, j)};`)}`;
}

/**
 * A loop that runs at least once and tests at its end: SwiftShader goes through the body of a loop
 * that tests at its start once more than it must. Not for the loop that holds the products, which
 * is 1.4 times as slow that way.
 */
export function repeat(body: string, next: string, isDone: string): string {
  return `loop {
${body}
continuing {
${next}
break if ${isDone};
}
}`;
}
/** addTerms for k from `first`, an expression, to `stop`. */
export function sumTerms(tile: RegisterTile, terms: Terms, first: string): string {
  return `for (var k = ${first}; k < stop; k += ${tile.unroll}u) {
${addTerms(tile, terms)}
}`;
}
/** Ends a block of terms. */
export function endBlock(tile: RegisterTile): string {
  return eachCell(tile, (name) => `total${name} += sum${name}; sum${name} = 0.0;`);
}

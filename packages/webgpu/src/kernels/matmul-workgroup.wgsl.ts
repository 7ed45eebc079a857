/**
 * The matrix product for GPUs: tiles of a and b in workgroup memory, a block of sums in the
 * registers of each invocation. Inner positions come 16 at a time: while the invocations compute
 * with one pair of tiles, their loads of the next are under way. Blocking as in Goto and van de
 * Geijn (2008), with the registers and shared memory of a GPU as Volkov and Demmel (2008) use them.
 */
import {
  type Assembled,
  assemble,
  at,
  finishOf,
  load,
  type Operands,
  operandBindings,
  placeText,
  quarter,
  storeText,
  type Target,
} from './matmul-text.ts';

export interface WorkgroupTile {
  readonly rows: number;
  readonly columns: number;
  /** Rows, and columns, of an invocation: 4 or 8. */
  readonly own: number;
}

/** Inner positions of a tile: both tiles of 128 fit the 16 KiB that every device has. */
const DEPTH = 16;
const COMPONENTS = 'xyzw';

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const indent = (lines: readonly string[]): string => lines.map((line) => `  ${line}`).join('\n');

function workgroupInvocations({ rows, columns, own }: WorkgroupTile): number {
  return (rows / own) * (columns / own);
}

/** Invocations that each load one block of 4 x 4 of an operand. */
const loaders = (size: number): number => (size / 4) * (DEPTH / 4);

/**
 * How an invocation loads block `q` of an operand's tile: four neighbours along the outer axis at
 * four inner positions. Neighbouring invocations go along the axis whose elements are neighbours.
 */
class BlockLoader {
  private readonly x: 'a' | 'b';
  private readonly operands: Operands;
  private readonly size: number;

  constructor(x: 'a' | 'b', operands: Operands, size: number) {
    this.x = x;
    this.operands = operands;
    this.size = size;
  }

  private get mode(): Operands['a'] {
    return this.operands[this.x];
  }

  /** Declares where the block lies, and `p…`, which move on from tile to tile. */
  start(q: string): string[] {
    const { x, mode, size } = this;
    const fours = size / 4;
    const isAcross = mode === 'o4' || (mode === 'scalar' && x === 'b');
    const [outer, inner] = isAcross
      ? [`${q} % ${fours}u`, `${q} / ${fours}u`]
      : [`${q} / ${DEPTH / 4}u`, `${q} % ${DEPTH / 4}u`];
    const [tile, most, stride, step] =
      x === 'a' ? ['tileM', 'M', at('aM'), at('aK')] : ['tileN', 'N', at('bN'), at('bK')];
    const first = `${x}Start + ${x}Inner * 4u * ${step}`;
    const lines = [
      `let ${x}Outer = ${outer};`,
      `let ${x}Inner = ${inner};`,
      `let ${x}First = ${tile} * ${size}u + ${x}Outer * 4u;`,
    ];
    if (mode === 'o4') {
      lines.push(`let ${x}Step = ${quarter(step)};`);
      lines.push(`var ${x}p0 = (${first} + min(${x}First, ${most} - 4u)) / 4u;`);
      return lines;
    }
    if (mode === 'scalar') lines.push(`let ${x}Step = ${step};`);
    for (const i of numbers(4)) {
      const index = `${first} + min(${x}First + ${i}u, ${most} - 1u) * ${stride}`;
      lines.push(`var ${x}p${i} = ${mode === 'k4' ? `(${index}) / 4u` : index};`);
    }
    return lines;
  }

  /**
   * Loads the block at inner position `next` into r0 to r3, one `vec4` along the outer axis for
   * each inner position. Beyond the slice both operands are zero, so that nothing comes of it.
   */
  fetch(r: string): string[] {
    const { x, mode, operands } = this;
    const value = (p: string): string => load(x, mode, operands.dtype, p);
    const k = `next + ${x}Inner * 4u`;
    if (mode === 'k4') {
      const lines = numbers(4).map((i) => `let v${i} = ${value(`${x}p${i}`)};`);
      numbers(4).forEach((u) => {
        const parts = numbers(4).map((i) => `v${i}.${COMPONENTS[u]}`);
        lines.push(`${r}${u} = select(vec4<f32>(), vec4(${parts.join(', ')}), ${k} < end);`);
      });
      numbers(4).forEach((i) => {
        lines.push(`${x}p${i} += ${DEPTH / 4}u;`);
      });
      return lines;
    }
    const lines = numbers(4).map((u) => {
      const shift = u === 0 ? '' : ` + ${u}u * ${x}Step`;
      const parts = numbers(4).map((i) => value(`${x}p${i}${shift}`));
      const four = mode === 'o4' ? parts[0] : `vec4(${parts.join(', ')})`;
      return `${r}${u} = select(vec4<f32>(), ${four}, ${k} + ${u}u < end);`;
    });
    for (const i of numbers(mode === 'o4' ? 1 : 4)) {
      lines.push(`${x}p${i} += ${DEPTH}u * ${x}Step;`);
    }
    return lines;
  }

  /** Stores r0 to r3; `^` spreads the blocks of one warp over the banks. */
  store(r: string): string[] {
    const { x, size } = this;
    return numbers(4).map(
      (u) =>
        `tile_${x}[(${x}Inner * 4u + ${u}u) * ${size / 4}u + (${x}Outer ^ (${x}Inner * 2u))] = ` +
        `${r}${u};`,
    );
  }
}

/** Loads of both operands: each invocation a block of both, or half of them one of a each. */
function loadTexts(
  operands: Operands,
  tile: WorkgroupTile,
): {
  readonly start: string[];
  readonly fetch: string[];
  readonly store: string[];
} {
  const a = new BlockLoader('a', operands, tile.rows);
  const b = new BlockLoader('b', operands, tile.columns);
  const half = loaders(tile.rows);
  const both = workgroupInvocations(tile) === half;
  const fours = both ? ['r', 's'] : ['r'];
  const start = [
    ...a.start(both ? 'local' : `min(local, ${half - 1}u)`),
    ...b.start(both ? 'local' : `(max(local, ${half}u) - ${half}u)`),
    ...fours.flatMap((r) => numbers(4).map((u) => `var ${r}${u} = vec4<f32>();`)),
  ];
  const join = (left: string[], right: string[]): string[] =>
    both
      ? ['{', ...left.map((l) => `  ${l}`), '}', '{', ...right.map((l) => `  ${l}`), '}']
      : [
          `if (local < ${half}u) {`,
          ...left.map((l) => `  ${l}`),
          '} else {',
          ...right.map((l) => `  ${l}`),
          '}',
        ];
  const second = both ? 's' : 'r';
  return {
    start,
    fetch: join(a.fetch('r'), b.fetch(second)),
    store: join(a.store('r'), b.store(second)),
  };
}

/** One pair of tiles: four inner positions at a time, each 2 or 4 loads and 16 or 64 products. */
function multiplyText({ rows, columns, own }: WorkgroupTile): string {
  const halves = numbers(own / 4);
  const lines = ['let x = ty ^ (inner * 2u);', 'let y = tx ^ (inner * 2u);'];
  for (const u of numbers(4)) {
    for (const h of halves) {
      const index = (size: number, four: string): string =>
        `(inner * 4u + ${u}u) * ${size / 4}u + ${four}${h === 0 ? '' : ` + ${size / 8}u`}`;
      lines.push(`let a${u}_${h} = tile_a[${index(rows, 'x')}];`);
      lines.push(`let b${u}_${h} = tile_b[${index(columns, 'y')}];`);
    }
    for (const i of numbers(own)) {
      for (const v of halves) {
        const left = `vec4(a${u}_${i >> 2}.${COMPONENTS[i & 3]})`;
        lines.push(`c${i}_${v} = fma(${left}, b${u}_${v}, c${i}_${v});`);
      }
    }
  }
  return `for (var inner = 0u; inner < ${DEPTH / 4}u; inner++) {\n${indent(lines)}\n}`;
}

export function workgroupShader(
  operands: Operands,
  tile: WorkgroupTile,
  target: Target,
): Assembled {
  const { rows, columns, own } = tile;
  const { start, fetch, store } = loadTexts(operands, tile);
  const finish = finishOf(target);
  const sums = numbers(own).flatMap((i) =>
    numbers(own / 4).map((v) => `var c${i}_${v} = vec4<f32>();`),
  );
  // Fours of rows and of columns are half a tile apart.
  const place = (size: number, i: string): string =>
    own === 4 ? ` + ${i}` : ` + (${i} / 4u) * ${size / 2}u + ${i} % 4u`;
  const results = storeText(
    finish,
    own,
    own / 4,
    operands.b === 'o4',
    (i) => `tileM * ${rows}u + ty * 4u${place(rows, i)}`,
    (j) => {
      const shift = typeof j === 'number' ? (j >> 2) * (columns / 2) + (j & 3) : 0;
      const last = typeof j === 'number' ? (shift === 0 ? '' : ` + ${shift}u`) : place(columns, j);
      return `tileN * ${columns}u + tx * 4u${last}`;
    },
  );
  const body = `${placeText()}let tx = local % ${columns / own}u;
let ty = local / ${columns / own}u;
${start.join('\n')}
${sums.join('\n')}
var next = begin;
loop {
  if (next < end) {
${indent(indent(fetch).split('\n'))}
  }
  if (next > begin) {
${indent(indent(multiplyText(tile).split('\n')).split('\n'))}
  }
  if (next >= end) { break; }
  workgroupBarrier();
${indent(store)}
  workgroupBarrier();
  next += ${DEPTH}u;
}
${results}`;
  const declarations = `var<workgroup> tile_a: array<vec4<f32>, ${(rows / 4) * DEPTH}>;
var<workgroup> tile_b: array<vec4<f32>, ${(columns / 4) * DEPTH}>;
`;
  return assemble(
    {
      label: 'matmul',
      inputs: operandBindings(operands),
      workgroup: workgroupInvocations(tile),
      declarations,
      body,
    },
    finish,
  );
}

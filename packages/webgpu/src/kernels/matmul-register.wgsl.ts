/**
 * The matrix product for CPUs behind WebGPU: every invocation has a tile of sums in registers, and
 * shares nothing. Neighbouring invocations are lanes of one vector register there: they take
 * neighbouring columns, so that their loads of b join, and the same rows of a, loaded once.
 * Measured over SwiftShader, where a load costs as much as 12 products: 8x8 sums an invocation.
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

export interface RegisterTile {
  /** Rows of an invocation. */
  readonly rows: number;
  /** Columns of an invocation, in fours. */
  readonly fours: number;
  /** Invocations of a workgroup: all beside each other along n. */
  readonly lanes: number;
  /**
   * 0, or inner positions of a that the lanes of a subgroup load together, each one of them, and
   * broadcast: a multiple of 4 that no subgroup is smaller than. The mode of a is scalar then.
   */
  readonly broadcast: number;
}

/** Inner positions of one turn of the loop, at least. */
const STEP = 4;
const COMPONENTS = 'xyzw';

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Where rows of a and columns of b start. Those beyond the edge read the last one again. */
function startText({ a, b }: Operands, tile: RegisterTile): string[] {
  const { rows, fours, lanes, broadcast } = tile;
  const lines: string[] = [];
  if (a === 'o4') {
    for (const r of numbers(rows / 4)) {
      const row = `min(row + ${4 * r}u, M - 4u)`;
      lines.push(`var pa${r} = (aStart + ${row}) / 4u;`);
    }
  } else {
    for (const i of numbers(rows)) {
      const index = `aStart + min(row + ${i}u, M - 1u) * ${at('aM')}`;
      lines.push(`var pa${i} = ${a === 'k4' ? `(${index}) / 4u` : index};`);
    }
  }
  if (b === 'o4') {
    for (const v of numbers(fours)) {
      lines.push(`var pb${v} = (bStart + min(${columnText(b, lanes, 4 * v)}, N - 4u)) / 4u;`);
    }
  } else {
    for (const j of numbers(4 * fours)) {
      const index = `bStart + min(${columnText(b, lanes, j)}, N - 1u) * ${at('bN')}`;
      lines.push(`var pb${j} = ${b === 'k4' ? `(${index}) / 4u` : index};`);
    }
  }
  const stride = (s: string, mode: string): string => (mode === 'o4' ? quarter(s) : s);
  if (a !== 'k4') lines.push(`let stepA = ${stride(at('aK'), a)};`);
  if (b !== 'k4') lines.push(`let stepB = ${stride(at('bK'), b)};`);
  if (broadcast > 0) lines.push(`let shared_k = (lane % ${broadcast}u) * stepA;`);
  return lines;
}

/** The j-th column of an invocation: fours of neighbours, or each lanes apart. */
function columnText(mode: Operands['b'], lanes: number, j: number): string {
  const shift = mode === 'o4' ? 4 * lanes * (j >> 2) + (j & 3) : lanes * j;
  return shift === 0 ? 'column' : `column + ${shift}u`;
}

/** Writes the loads of `count` inner positions; names what they give. */
class StepLoader {
  readonly lines: string[] = [];
  private readonly operands: Operands;
  private readonly tile: RegisterTile;
  private readonly isShared: boolean;

  constructor(operands: Operands, tile: RegisterTile, count: number) {
    this.operands = operands;
    this.tile = tile;
    this.isShared = tile.broadcast > 0 && count === tile.broadcast;
    if (operands.a === 'k4') this.loadFours('a', tile.rows, count);
    if (operands.b === 'k4') this.loadFours('b', 4 * tile.fours, count);
    if (!this.isShared) return;
    for (const i of numbers(tile.rows)) {
      const value = load('a', 'scalar', operands.dtype, `pa${i} + shared_k`);
      this.lines.push(`let a${i} = ${value};`, `pa${i} += ${count}u * stepA;`);
    }
  }

  private value(operand: 'a' | 'b', p: string): string {
    return load(operand, this.operands[operand], this.operands.dtype, p);
  }

  private loadFours(x: 'a' | 'b', lines: number, count: number): void {
    for (const i of numbers(lines)) {
      for (const w of numbers(count / 4)) {
        this.lines.push(`let ${x}${i}_${w} = ${this.value(x, `p${x}${i}`)};`, `p${x}${i} += 1u;`);
      }
    }
  }

  /** Loads what a pointer points at, and moves it on. */
  private next(name: string, x: 'a' | 'b', p: string): string {
    this.lines.push(`let ${name} = ${this.value(x, p)};`, `${p} += step${x.toUpperCase()};`);
    return name;
  }

  /** a's scalars at inner position u, row by row. */
  rows(u: number): string[] {
    const { operands, tile, isShared } = this;
    const rows = numbers(tile.rows);
    if (operands.a === 'k4') return rows.map((i) => `a${i}_${u >> 2}.${COMPONENTS[u & 3]}`);
    if (operands.a === 'o4') {
      const fours = numbers(tile.rows / 4).map((r) => this.next(`a${u}_${r}`, 'a', `pa${r}`));
      return rows.map((i) => `${fours[i >> 2]}.${COMPONENTS[i & 3]}`);
    }
    return rows.map((i) => {
      if (!isShared) return this.next(`a${u}_${i}`, 'a', `pa${i}`);
      this.lines.push(`let a${u}_${i} = subgroupBroadcast(a${i}, ${u}u);`);
      return `a${u}_${i}`;
    });
  }

  /** b's fours at inner position u. */
  fours(u: number): string[] {
    const { operands, tile } = this;
    return numbers(tile.fours).map((v) => {
      const name = `b${u}_v${v}`;
      if (operands.b === 'o4') return this.next(name, 'b', `pb${v}`);
      const parts = numbers(4).map((q) => {
        const j = 4 * v + q;
        if (operands.b === 'k4') return `b${j}_${u >> 2}.${COMPONENTS[u & 3]}`;
        return this.next(`e${u}_${j}`, 'b', `pb${j}`);
      });
      this.lines.push(`let ${name} = vec4<f32>(${parts.join(', ')});`);
      return name;
    });
  }
}

/** A loop while `count` inner positions are left. */
function loopText(operands: Operands, tile: RegisterTile, count: number): string {
  const loader = new StepLoader(operands, tile, count);
  for (const u of numbers(count)) {
    const rows = loader.rows(u);
    const fours = loader.fours(u);
    rows.forEach((left, i) => {
      fours.forEach((right, v) => {
        loader.lines.push(`c${i}_${v} += ${left} * ${right};`);
      });
    });
  }
  return `for (; k + ${count - 1}u < end; k += ${count}u) {
${loader.lines.map((line) => `  ${line}`).join('\n')}
}`;
}

/** Turns of the loop by as many inner positions as a step has, then by what may be left. */
function countsOf({ a, b }: Operands, { broadcast }: RegisterTile): number[] {
  const step = Math.max(STEP, broadcast);
  const isWhole = a === 'k4' || b === 'k4';
  if (!isWhole) return [step, 1];
  return step === STEP ? [step] : [step, STEP];
}

export function registerShader(operands: Operands, tile: RegisterTile, target: Target): Assembled {
  const { rows, fours, lanes, broadcast } = tile;
  const sums = numbers(rows).flatMap((i) =>
    numbers(fours).map((v) => `var c${i}_${v} = vec4<f32>();`),
  );
  const width = operands.b === 'o4' ? 4 : 1;
  const finish = finishOf(target);
  const store = storeText(
    finish,
    rows,
    fours,
    operands.b === 'o4',
    (i) => `row + ${i}`,
    (j) =>
      typeof j === 'number'
        ? columnText(operands.b, lanes, j)
        : operands.b === 'o4'
          ? `column + ${4 * lanes}u * (${j} / 4u) + ${j} % 4u`
          : `column + ${lanes}u * ${j}`,
  );
  const loops = countsOf(operands, tile).map((count) => loopText(operands, tile, count));
  const body = `${placeText()}let row = tileM * ${rows}u;
let column = tileN * ${4 * fours * lanes}u + local * ${width}u;
${startText(operands, tile).join('\n')}
${sums.join('\n')}
var k = begin;
${loops.join('\n')}
${store}`;
  return assemble(
    {
      label: 'matmul',
      inputs: operandBindings(operands),
      workgroup: lanes,
      body,
      usesSubgroups: broadcast > 0,
    },
    finish,
  );
}

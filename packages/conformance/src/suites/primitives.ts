/**
 * Scalar rows through core: every map primitive over every layout of its operands, layouts in
 * pairs, shapes from 0-d and empty to five axes, and broadcasting; by loops in double precision.
 */
import * as core from '@tenon/core';
import { type DType, SCALARS, type ScalarName, type Tensor } from '@tenon/core';
import { expect } from 'vitest';
import { assertNone, assertSame, assertShape, rounded, worstUlp } from '../compare.ts';
import { Reads } from '../reads.ts';
import { build, elementOf, type Reference, SCALAR_REFERENCE } from '../reference.ts';
import { implicitOperands, type Operand, operandsOf, SHAPES } from '../samples/layouts.ts';
import { uniforms } from '../samples/scalars.ts';
import type { Suite, SuiteContext } from '../suite.ts';

type Draw = (dtype: DType) => number;

/** A scalar row as a public op: null where no public op is that row alone. */
interface Row {
  readonly apply: ((...x: Tensor[]) => Tensor) | null;
  /** Dtypes of the operands. */
  readonly dtypes: readonly DType[];
  readonly result?: 'bool' | 'f32';
  /** Values drawn; by default about -4 … 4 (halves, so that ties and exact results occur). */
  readonly draw?: (unit: number, dtype: DType) => number;
}
const FLOATS: readonly DType[] = ['f32', 'f64', 'f16'];
const NUMBERS: readonly DType[] = ['f32', 'f64', 'f16', 'i32', 'u32'];
const BOOL: readonly DType[] = ['bool'];
const positive = (unit: number): number => Math.fround(unit * 4 + 0.01);
const inner = (unit: number): number => Math.fround(unit * 1.8 - 0.9);

const unary = (apply: (x: Tensor) => Tensor, dtypes: readonly DType[], draw?: Row['draw']): Row =>
  draw === undefined ? { apply, dtypes } : { apply, dtypes, draw };
const binary = (apply: (a: Tensor, b: Tensor) => Tensor, dtypes: readonly DType[]): Row => ({
  apply,
  dtypes,
});
const comparing = (apply: (a: Tensor, b: Tensor) => Tensor, dtypes = NUMBERS): Row => ({
  apply,
  dtypes,
  result: 'bool',
});

const ROWS: Readonly<Record<ScalarName, Row>> = {
  neg: unary(core.neg, ['f32', 'f64', 'f16', 'i32']),
  abs: unary(core.abs, ['f32', 'f64', 'f16', 'i32']),
  sign: unary(core.sign, ['f32', 'f64', 'f16', 'i32']),
  floor: unary(core.floor, FLOATS),
  exp: unary(core.exp, FLOATS),
  expm1: unary(core.expm1, FLOATS),
  log: unary(core.log, FLOATS, positive),
  log1p: unary(core.log1p, FLOATS, inner),
  sqrt: unary(core.sqrt, FLOATS, positive),
  sin: unary(core.sin, FLOATS),
  cos: unary(core.cos, FLOATS),
  tanh: unary(core.tanh, FLOATS),
  erf: unary(core.erf, FLOATS),
  not: { apply: core.logicalNot, dtypes: BOOL, result: 'bool' },
  cast: {
    apply: (x) => core.cast(x, 'f32'),
    dtypes: ['i32', 'u32', 'bool', 'f64', 'f16'],
    result: 'f32',
  },
  // Reached through rand only: see the suite of random numbers.
  unitFloat: { apply: null, dtypes: [] },
  add: binary(core.add, NUMBERS),
  sub: binary(core.sub, NUMBERS),
  mul: binary(core.mul, NUMBERS),
  div: binary(core.div, FLOATS),
  rem: binary(core.fmod, NUMBERS),
  pow: { apply: core.pow, dtypes: FLOATS, draw: positive },
  maximum: binary(core.maximum, NUMBERS),
  minimum: binary(core.minimum, NUMBERS),
  and: comparing(core.logicalAnd, BOOL),
  or: comparing(core.logicalOr, BOOL),
  eq: comparing(core.equal, [...NUMBERS, 'bool']),
  lt: comparing(core.less),
  le: comparing(core.lessEqual),
  select: { apply: core.where, dtypes: [...NUMBERS, 'bool'] },
  // Keys and counters are made by core: see the suite of random numbers.
  randomBits: { apply: null, dtypes: [] },
};

/** Halves from -4 to 4 for floats, small integers, bools. */
function plain(unit: number, dtype: DType): number {
  if (dtype === 'bool') return unit < 0.5 ? 0 : 1;
  if (dtype === 'u32') return Math.floor(unit * 9);
  const whole = Math.floor(unit * 17) - 8;
  return dtype === 'i32' ? whole : whole / 2;
}
function drawer(row: Row, seed: number): Draw {
  const next = uniforms(seed);
  return (dtype) => {
    const x = dtype === 'bool' ? plain(next(), dtype) : (row.draw ?? plain)(next(), dtype);
    return rounded(x, dtype);
  };
}

const resultOf = (row: Row, dtype: DType): DType => row.result ?? dtype;

/** The row applied by loops. */
function expected(name: ScalarName, operands: readonly Operand[], dtype: DType): number[] {
  const from = operands[operands.length - 1]!.dtype;
  return operands[0]!.reference.data.map((_, i) =>
    SCALAR_REFERENCE[name](
      operands.map(({ reference }) => reference.data[i]!),
      dtype,
      from,
    ),
  );
}

/** In f64 one more; f16 is rounded once, from f32. */
function boundOf(ulp: number, dtype: DType): number {
  if (ulp === 0) return 0;
  return dtype === 'f64' ? ulp + 1 : dtype === 'f16' ? 1 : ulp;
}

function check(
  context: SuiteContext,
  reads: Reads,
  name: ScalarName,
  operands: readonly Operand[],
): void {
  const row = ROWS[name];
  const what = `${name} (${operands.map((o) => `${o.dtype} ${o.name}`).join(', ')})`;
  const dtype = resultOf(row, operands[operands.length - 1]!.dtype);
  const y = row.apply!(...operands.map(({ tensor }) => tensor));
  assertShape(what, y.shape, operands[0]!.reference.shape);
  expect(y.dtype, what).toBe(dtype);
  const want = expected(name, operands, dtype);
  const bound = boundOf(context.ulp(name), dtype);
  reads.add(y, (got) => assertNone(what, worstUlp(got, want, dtype, bound)));
}

function dtypesOf(context: SuiteContext, name: ScalarName): DType[] {
  return ROWS[name].dtypes.filter((dtype) => context.capabilities.dtypes.includes(dtype));
}
/** Operand dtypes of a row: the condition of select is bool. */
function signature(name: ScalarName, dtype: DType): DType[] {
  const types = Array.from({ length: SCALARS[name] }, () => dtype);
  return name === 'select' ? ['bool', ...types.slice(1)] : types;
}

/**
 * Whether a row meets these two layouts. All of them, but on a device, where every pair is a kernel
 * to compile: there `add` and `select` meet all, each other row a third, in turn.
 */
function pairsUp({ capabilities }: SuiteContext, name: ScalarName, pair: number): boolean {
  if (capabilities.syncRead || name === 'add' || name === 'select') return true;
  return (pair + Object.keys(ROWS).indexOf(name)) % 3 === 0;
}

function layouts(context: SuiteContext, name: ScalarName): void {
  context.test(`${name}: every layout, and layouts against each other`, async () => {
    const reads = new Reads();
    for (const dtype of dtypesOf(context, name)) {
      const draw = drawer(ROWS[name], 5);
      const columns = signature(name, dtype).map((type) => [
        ...operandsOf(
          build([4, 3], () => draw(type)),
          type,
        ),
        ...implicitOperands([4, 3], type, () => draw(type)),
      ]);
      const [first = [], second, third] = columns;
      for (const [i, a] of first.entries()) {
        if (second === undefined) {
          check(context, reads, name, [a]);
          continue;
        }
        // The third operand takes turns.
        for (const [j, b] of second.entries()) {
          if (!pairsUp(context, name, i + j)) continue;
          const c = third?.[(i + j) % third.length];
          check(context, reads, name, c === undefined ? [a, b] : [a, b, c]);
        }
      }
    }
    await reads.settle();
  });
}

function shapes(context: SuiteContext, name: ScalarName): void {
  context.test(`${name}: every shape`, async () => {
    const reads = new Reads();
    for (const dtype of dtypesOf(context, name)) {
      const draw = drawer(ROWS[name], 6);
      for (const shape of SHAPES) {
        const columns = signature(name, dtype).map((type) =>
          operandsOf(
            build(shape, () => draw(type)),
            type,
          ),
        );
        const count = shape.length === 0 ? 1 : columns[0]!.length;
        for (let i = 0; i < count; i++) {
          check(
            context,
            reads,
            name,
            columns.map((list, k) => list[(i + k) % list.length]!),
          );
        }
      }
    }
    await reads.settle();
  });
}

/** What a smaller operand is once it is spread over `shape`. */
function spread(x: Reference, shape: readonly number[]): Reference {
  const lead = shape.length - x.shape.length;
  return build(shape, (index) =>
    elementOf(
      x,
      x.shape.map((n, axis) => (n === 1 ? 0 : index[axis + lead]!)),
    ),
  );
}
const BROADCASTS: readonly (readonly (readonly number[])[])[] = [
  [[4, 3], [3], [4, 3]],
  [[], [2, 3], [2, 3]],
  [
    [4, 1],
    [1, 3],
    [4, 3],
  ],
  [
    [2, 1, 3],
    [4, 1],
    [2, 4, 3],
  ],
  [[1], [0], [0]],
  [
    [5, 1, 1, 2],
    [3, 1],
    [5, 1, 3, 2],
  ],
];

function broadcasting(context: SuiteContext): void {
  for (const name of ['add', 'sub', 'lt', 'select'] as const) {
    context.test(`${name}: operands broadcast`, async () => {
      const draw = drawer(ROWS[name], 7);
      const reads = new Reads();
      for (const [left, right, shape] of BROADCASTS as readonly (readonly number[][])[]) {
        const types = signature(name, 'f32');
        const parts = [left!, right!, ...(types.length === 3 ? [left!] : [])];
        const operands = parts.map((own, k): Operand => {
          const small = build(own, () => draw(types[k]!));
          const tensor = core.tensor([...small.data], { shape: own, dtype: types[k]! });
          const label = `broadcast [${own.join()}]`;
          return { name: label, tensor, reference: spread(small, shape!), dtype: types[k]! };
        });
        check(context, reads, name, operands);
      }
      await reads.settle();
    });
  }
}

function promotion({ test }: SuiteContext): void {
  test('dtypes meet in the larger; numbers take the dtype of the tensor', async () => {
    const of = (dtype: DType): Tensor => core.tensor([1, 0, 1], { dtype });
    const table: readonly (readonly [DType, DType, DType])[] = [
      ['bool', 'bool', 'i32'],
      ['bool', 'i32', 'i32'],
      ['bool', 'u32', 'u32'],
      ['bool', 'f32', 'f32'],
      ['i32', 'f32', 'f32'],
      ['u32', 'f32', 'f32'],
    ];
    for (const [a, b, result] of table) {
      expect(of(a).add(of(b)).dtype, `${a} + ${b}`).toBe(result);
      assertSame(`${a} + ${b}`, await of(b).add(of(a)).data(), [2, 0, 2]);
    }
    expect(of('i32').add(1).dtype).toBe('i32');
    expect(of('i32').add(0.5).dtype).toBe('f32');
    expect(of('bool').add(1).dtype).toBe('i32');
    expect(of('bool').mul(0.5).dtype).toBe('f32');
    expect(of('i32').div(of('i32')).dtype).toBe('f32');
    expect(of('u32').sum().dtype).toBe('u32');
    expect(of('bool').sum().dtype).toBe('i32');
    assertSame('integers as i32', await of('i32').mul(3).data(), [3, 0, 3]);
  });
  test(
    'f64 is the larger',
    () => {
      const x = core.tensor([1, 2], { dtype: 'f64' });
      expect(x.add(core.tensor([1, 2])).dtype).toBe('f64');
      expect(x.mul(0.1).dtype).toBe('f64');
    },
    { needs: ['f64'] },
  );
}

export const primitiveSuite: Suite = {
  name: 'primitives',
  define(context) {
    for (const name of Object.keys(SCALARS) as ScalarName[]) {
      if (ROWS[name].apply === null) continue;
      layouts(context, name);
      shapes(context, name);
    }
    broadcasting(context);
    promotion(context);
  },
};

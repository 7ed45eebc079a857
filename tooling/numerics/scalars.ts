/**
 * Every scalar primitive through the public operations, on raw data, against double precision (the
 * transcendental ones in float64 against exact.ts): the largest error in ULP and where it occurs.
 */
import { ulpError } from '../../packages/conformance/src/compare.ts';
import { flushedUlpError } from '../../packages/conformance/src/flush.ts';
import { SCALAR_REFERENCE, threefryReference } from '../../packages/conformance/src/reference.ts';
import * as core from '../../packages/core/src/index.ts';
import {
  type Backend,
  type DType,
  SCALARS,
  type ScalarName,
  type Tensor,
} from '../../packages/core/src/index.ts';
import { EXACT } from './exact.ts';
import { conditions, one, powers, two } from './samples.ts';

/** Columns of operands for a dtype. */
type Draw = (dtype: DType, count: number) => number[][];

interface Row {
  readonly apply: (...operands: Tensor[]) => Tensor;
  readonly dtypes: readonly DType[];
  readonly draw: Draw;
  /** Dtype of the result where it is another than the operands'. */
  readonly result?: DType;
}
/** Rows that take their operands from a generator. */
type OwnRow = Exclude<ScalarName, 'randomBits' | 'unitFloat'>;

const FLOATS: readonly DType[] = ['f32', 'f64'];
const SIGNED: readonly DType[] = ['f32', 'f64', 'i32'];
const NUMBERS: readonly DType[] = ['f32', 'f64', 'i32', 'u32'];
const ANY: readonly DType[] = [...NUMBERS, 'bool'];

const ROWS: Readonly<Record<OwnRow, Row>> = {
  neg: { apply: core.neg, dtypes: SIGNED, draw: one(0, 0) },
  abs: { apply: core.abs, dtypes: SIGNED, draw: one(0, 0) },
  sign: { apply: core.sign, dtypes: SIGNED, draw: one(0, 0) },
  floor: { apply: core.floor, dtypes: FLOATS, draw: one(-9, 9) },
  exp: { apply: core.exp, dtypes: FLOATS, draw: one(-104, 89) },
  expm1: { apply: core.expm1, dtypes: FLOATS, draw: one(-18, 18) },
  log: { apply: core.log, dtypes: FLOATS, draw: one(0, 4) },
  log1p: { apply: core.log1p, dtypes: FLOATS, draw: one(-1, 3) },
  sqrt: { apply: core.sqrt, dtypes: FLOATS, draw: one(0, 4) },
  sin: { apply: core.sin, dtypes: FLOATS, draw: one(-50, 50) },
  cos: { apply: core.cos, dtypes: FLOATS, draw: one(-50, 50) },
  tanh: { apply: core.tanh, dtypes: FLOATS, draw: one(-3, 3) },
  erf: { apply: core.erf, dtypes: FLOATS, draw: one(-4, 4) },
  not: { apply: core.logicalNot, dtypes: ['bool'], draw: (_dtype) => [[0, 1]] },
  cast: {
    apply: (x) => core.cast(x, 'f32'),
    dtypes: ['f64', 'i32', 'u32', 'bool'],
    draw: one(0, 0),
    result: 'f32',
  },
  add: { apply: core.add, dtypes: NUMBERS, draw: two },
  sub: { apply: core.sub, dtypes: NUMBERS, draw: two },
  mul: { apply: core.mul, dtypes: NUMBERS, draw: two },
  div: { apply: core.div, dtypes: FLOATS, draw: two },
  rem: { apply: core.fmod, dtypes: NUMBERS, draw: two },
  pow: { apply: core.pow, dtypes: NUMBERS, draw: powers },
  maximum: { apply: core.maximum, dtypes: NUMBERS, draw: two },
  minimum: { apply: core.minimum, dtypes: NUMBERS, draw: two },
  and: { apply: core.logicalAnd, dtypes: ['bool'], draw: two },
  or: { apply: core.logicalOr, dtypes: ['bool'], draw: two },
  eq: { apply: core.equal, dtypes: ANY, draw: two, result: 'bool' },
  lt: { apply: core.less, dtypes: NUMBERS, draw: two, result: 'bool' },
  le: { apply: core.lessEqual, dtypes: NUMBERS, draw: two, result: 'bool' },
  select: { apply: core.where, dtypes: ANY, draw: conditions },
};

/** The largest error found. */
interface Found {
  readonly ulp: number;
  /** Operands of the worst case; empty where nothing is off. */
  readonly at: readonly number[];
}
export interface Measured {
  readonly primitive: ScalarName;
  /** Of the operands. */
  readonly dtype: DType;
  readonly declared: number;
  /** null: the backend does not have the dtype. */
  readonly found: Found | null;
}
export interface Counts {
  /** Arguments per float32 row (twice and more where a function bends). */
  readonly count: number;
  /** The same for transcendental functions in float64, whose reference is slow. */
  readonly exactCount: number;
}

const isTranscendental = (name: ScalarName): name is keyof typeof EXACT => name in EXACT;

/** The double nearest to the exact result where exact.ts has the argument in its domain. */
function reference64(name: keyof typeof EXACT, x: number, y: number): number {
  const usual = reference32(name, [x, y], 'f64', 'f64');
  const isNormal = Math.abs(usual) >= 2 ** -1000 && Math.abs(usual) < 2 ** 1000;
  const isInside = Math.abs(x) >= 2 ** -300 && Number.isFinite(x) && Number.isFinite(y);
  if (!isNormal || !isInside || (name === 'pow' && x < 0)) return usual;
  return EXACT[name](x, y);
}

function reference32(
  name: ScalarName,
  operands: readonly number[],
  result: DType,
  from: DType,
): number {
  const [x = Number.NaN] = operands;
  return name === 'erf' ? core.hostMath.erf(x) : SCALAR_REFERENCE[name](operands, result, from);
}

function toTensor(backend: Backend, dtype: DType, values: readonly number[]): Tensor {
  if (dtype === 'f32') return core.tensor(Float32Array.from(values), { backend });
  if (dtype === 'f64') return core.tensor(Float64Array.from(values), { backend, dtype });
  if (dtype === 'i32') return core.tensor(Int32Array.from(values), { backend });
  if (dtype === 'u32') return core.tensor(Uint32Array.from(values), { backend });
  return core.tensor(Uint8Array.from(values), { backend, dtype: 'bool' });
}

/** What the host keeps of a column, once for all backends. */
interface Task {
  readonly primitive: OwnRow;
  readonly dtype: DType;
  readonly row: Row;
  readonly dtypes: readonly DType[];
  readonly columns: readonly (readonly number[])[];
  readonly result: DType;
  readonly wanted: Float64Array;
}

function rounded(dtype: DType, x: number): number {
  return dtype === 'f32' ? Math.fround(x) : x;
}

function taskOf(primitive: OwnRow, dtype: DType, counts: Counts): Task {
  const row = ROWS[primitive];
  const isExact = dtype === 'f64' && isTranscendental(primitive);
  const drawn = row.draw(dtype, isExact ? counts.exactCount : counts.count);
  const columns = drawn.map((column) => column.map((x) => rounded(dtype, x)));
  const dtypes = columns.map((_, i): DType => (primitive === 'select' && i === 0 ? 'bool' : dtype));
  const result = row.result ?? dtype;
  const [first = []] = columns;
  const wanted = Float64Array.from(first, (x, i) =>
    isExact
      ? reference64(primitive, x, columns[1]?.[i] ?? 0)
      : reference32(
          primitive,
          columns.map((column) => column[i] as number),
          result,
          dtype,
        ),
  );
  return { primitive, dtype, row, dtypes, columns, result, wanted };
}

/** The largest error of a result against what is wanted; `forgive` may find a smaller one. */
function compare(
  got: ArrayLike<number>,
  wanted: ArrayLike<number>,
  dtype: DType,
  operandsAt: (index: number) => readonly number[],
  forgive?: (got: number, operands: readonly number[]) => number,
): Found {
  let found: Found = { ulp: 0, at: [] };
  for (let i = 0; i < got.length; i++) {
    let ulp = ulpError(got[i] as number, wanted[i] as number, dtype);
    if (ulp <= found.ulp) continue;
    if (forgive !== undefined) ulp = Math.min(ulp, forgive(got[i] as number, operandsAt(i)));
    if (ulp > found.ulp) found = { ulp, at: operandsAt(i) };
  }
  return found;
}

async function measureTask(backend: Backend, task: Task): Promise<Measured> {
  const { primitive, dtype, row, dtypes, columns, result, wanted } = task;
  const { capabilities } = backend;
  const declared = result === 'f32' || result === 'f64' ? declaredBy(backend, primitive) : 0;
  if (![...dtypes, result].every((each) => capabilities.dtypes.includes(each))) {
    return { primitive, dtype, declared, found: null };
  }
  const operands = columns.map((column, i) => toTensor(backend, dtypes[i] as DType, column));
  const y = row.apply(...operands);
  const got = await y.data();
  for (const each of [y, ...operands]) each.dispose();
  const at = (i: number): number[] => columns.map((column) => column[i] as number);
  const reference = (x: readonly number[]): number => reference32(primitive, x, result, dtype);
  const forgive = (value: number, x: readonly number[]): number =>
    flushedUlpError(value, x, { reference, dtypes, result });
  const found = capabilities.subnormals
    ? compare(got, wanted, result, at)
    : compare(got, wanted, result, at, forgive);
  return { primitive, dtype, declared, found };
}

/** The bound of the capabilities; 0 where none is listed. */
function declaredBy(backend: Backend, primitive: ScalarName): number {
  return backend.capabilities.ulp[primitive] ?? 0;
}

/** randomBits and unitFloat: the words of a key, and rand of the same key. */
async function measureRandom(backend: Backend, count: number): Promise<Measured[]> {
  const key = core.nextKey({ generator: new core.Generator(1), backend });
  const [k0 = 0, k1 = 0] = await key.data();
  const wanted = Array.from({ length: count }, (_, i) => threefryReference(k0, k1, i));
  const bits = await core.randomBits(key, [count]).data();
  const unit = await core.rand([count], { generator: new core.Generator(1), backend }).data();
  const at = (i: number): number[] => [k0, k1, i];
  const fractions = wanted.map((word) => Math.floor(word / 256) / 2 ** 24);
  const row = (primitive: ScalarName, found: Found): Measured => ({
    ...{ primitive, dtype: 'u32', found },
    declared: declaredBy(backend, primitive),
  });
  return [
    row('unitFloat', compare(unit, fractions, 'f32', at)),
    row('randomBits', compare(bits, wanted, 'u32', at)),
  ];
}

/** Every scalar primitive on every backend: one list per backend, rows in the same order. */
export async function measureScalars(
  backends: readonly Backend[],
  counts: Counts,
): Promise<Measured[][]> {
  const lists: Measured[][] = backends.map(() => []);
  for (const name of Object.keys(SCALARS) as ScalarName[]) {
    if (name === 'randomBits' || name === 'unitFloat') continue;
    for (const dtype of ROWS[name].dtypes) {
      const task = taskOf(name, dtype, counts);
      for (const [i, backend] of backends.entries()) {
        lists[i]?.push(await measureTask(backend, task));
      }
    }
  }
  for (const [i, backend] of backends.entries()) {
    lists[i]?.push(...(await measureRandom(backend, Math.min(counts.count, 2000))));
  }
  return lists;
}

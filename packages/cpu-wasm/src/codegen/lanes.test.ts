import { describe, expect, test } from 'vitest';
import { OP } from '../encoder/opcodes.ts';
import type { F32, F64, I32, I64, Lanes, Mask, Value } from './lanes.ts';
import {
  type Column,
  FLOATS,
  INTEGERS,
  MODES,
  missing,
  pairs,
  randomNumbers,
  runLanes,
} from './lanes-test-support.ts';

const random = randomNumbers(200, 7);
const floats = [...FLOATS, ...random.map((x) => (x - 0.5) * 2 ** Math.floor(x * 997 - 500) * 100)];
const integers = [...INTEGERS, ...random.map((x) => Math.floor((x - 0.5) * 2 ** 32))];
const bigs = [
  0n,
  1n,
  -1n,
  5n,
  -7n,
  2n ** 31n,
  -(2n ** 31n),
  2n ** 52n + 3n,
  -(2n ** 62n),
  2n ** 40n,
];

const [floatsLeft, floatsRight] = pairs(FLOATS, FLOATS);
const [integersLeft, integersRight] = pairs(integers.slice(0, 40), integers.slice(0, 40));
const [bigsLeft, bigsRight] = pairs(bigs, bigs);

/** One column or two of each kind. */
const DATA: Readonly<Record<string, readonly [Column] | readonly [Column, Column]>> = {
  'f32 1': [Float32Array.from(floats)],
  'f32 2': [Float32Array.from(floatsLeft), Float32Array.from(floatsRight)],
  'f64 1': [Float64Array.from(floats)],
  'f64 2': [Float64Array.from(floatsLeft), Float64Array.from(floatsRight)],
  'i32 1': [Int32Array.from(integers)],
  'i32 2': [Int32Array.from(integersLeft), Int32Array.from(integersRight)],
  'i64 1': [BigInt64Array.from(bigs)],
  'i64 2': [BigInt64Array.from(bigsLeft), BigInt64Array.from(bigsRight)],
};

type Emit = (lanes: Lanes, a: Value, b: Value) => Value;
type Oracle = (a: number, b: number) => number | boolean;

function check(
  mode: 'scalar' | 'simd' | 'relaxed',
  columns: readonly Column[],
  emit: Emit,
  oracle: (a: never, b: never) => number | bigint | boolean,
): void {
  const got = runLanes(mode, columns, (lanes, [a, b]) => emit(lanes, a as Value, b as Value));
  const [left = [], right = left] = columns;
  const wrong = got.flatMap((value, i) => {
    const wanted = oracle(left[i] as never, right[i] as never);
    const expected = typeof wanted === 'boolean' ? Number(wanted) : wanted;
    return Object.is(value, expected)
      ? []
      : [`(${left[i]}, ${right[i]}): expected ${expected}, got ${value}`];
  });
  expect(wrong).toEqual([]);
}

const r32 = Math.fround;
const asF32 = (a: Value): F32 => a as F32;
const asI32 = (a: Value): I32 => a as I32;
const asI64 = (a: Value): I64 => a as I64;

function pick(condition: boolean, a: number, b: number): number {
  return condition ? a : b;
}

/** To nearest, ties to even. */
function nearest(x: number): number {
  if (!Number.isFinite(x) || Math.abs(x) >= 2 ** 52) return x;
  const low = Math.floor(x);
  const rest = x - low;
  const whole = rest < 0.5 || (rest === 0.5 && low % 2 === 0) ? low : low + 1;
  return whole === 0 && (x < 0 || Object.is(x, -0)) ? -0 : whole;
}

/** Operations of both float kinds; results are rounded to the kind. */
const FLOAT_OPS: Readonly<Record<string, readonly [1 | 2, Emit, Oracle]>> = {
  add: [2, (l, a, b) => l.add(asF32(a), asF32(b)), (a, b) => a + b],
  sub: [2, (l, a, b) => l.sub(asF32(a), asF32(b)), (a, b) => a - b],
  mul: [2, (l, a, b) => l.mul(asF32(a), asF32(b)), (a, b) => a * b],
  div: [2, (l, a, b) => l.div(asF32(a), asF32(b)), (a, b) => a / b],
  min: [2, (l, a, b) => l.min(asF32(a), asF32(b)), Math.min],
  max: [2, (l, a, b) => l.max(asF32(a), asF32(b)), Math.max],
  pmin: [2, (l, a, b) => l.pmin(asF32(a), asF32(b)), (a, b) => pick(b < a, b, a)],
  pmax: [2, (l, a, b) => l.pmax(asF32(a), asF32(b)), (a, b) => pick(a < b, b, a)],
  neg: [1, (l, a) => l.neg(asF32(a)), (a) => -a],
  abs: [1, (l, a) => l.abs(asF32(a)), Math.abs],
  sqrt: [1, (l, a) => l.sqrt(asF32(a)), Math.sqrt],
  floor: [1, (l, a) => l.floor(asF32(a)), Math.floor],
  ceil: [1, (l, a) => l.ceil(asF32(a)), Math.ceil],
  trunc: [1, (l, a) => l.trunc(asF32(a)), Math.trunc],
  nearest: [1, (l, a) => l.nearest(asF32(a)), nearest],
  eq: [2, (l, a, b) => l.eq(asF32(a), asF32(b)), (a, b) => a === b],
  ne: [2, (l, a, b) => l.ne(asF32(a), asF32(b)), (a, b) => a !== b],
  lt: [2, (l, a, b) => l.lt(asF32(a), asF32(b)), (a, b) => a < b],
  le: [2, (l, a, b) => l.le(asF32(a), asF32(b)), (a, b) => a <= b],
  gt: [2, (l, a, b) => l.gt(asF32(a), asF32(b)), (a, b) => a > b],
  ge: [2, (l, a, b) => l.ge(asF32(a), asF32(b)), (a, b) => a >= b],
  'select by lt': [
    2,
    (l, a, b) => l.select(l.lt(asF32(a), asF32(b)), asF32(a), asF32(b)),
    (a, b) => pick(a < b, a, b),
  ],
  'callLanes rem': [2, (l, a, b) => l.callLanes('rem', [asF32(a), asF32(b)]), (a, b) => a % b],
};

const u = (a: number): number => a >>> 0;

const INTEGER_OPS: Readonly<Record<string, readonly [1 | 2, Emit, Oracle]>> = {
  add: [2, (l, a, b) => l.add(asI32(a), asI32(b)), (a, b) => (a + b) | 0],
  sub: [2, (l, a, b) => l.sub(asI32(a), asI32(b)), (a, b) => (a - b) | 0],
  mul: [2, (l, a, b) => l.mul(asI32(a), asI32(b)), Math.imul],
  neg: [1, (l, a) => l.neg(asI32(a)), (a) => -a | 0],
  abs: [1, (l, a) => l.abs(asI32(a)), (a) => Math.abs(a) | 0],
  min: [2, (l, a, b) => l.min(asI32(a), asI32(b)), Math.min],
  max: [2, (l, a, b) => l.max(asI32(a), asI32(b)), Math.max],
  minU: [2, (l, a, b) => l.minU(asI32(a), asI32(b)), (a, b) => Math.min(u(a), u(b)) | 0],
  maxU: [2, (l, a, b) => l.maxU(asI32(a), asI32(b)), (a, b) => Math.max(u(a), u(b)) | 0],
  and: [2, (l, a, b) => l.and(asI32(a), asI32(b)), (a, b) => a & b],
  or: [2, (l, a, b) => l.or(asI32(a), asI32(b)), (a, b) => a | b],
  xor: [2, (l, a, b) => l.xor(asI32(a), asI32(b)), (a, b) => a ^ b],
  not: [1, (l, a) => l.not(asI32(a)), (a) => ~a],
  'shl 5': [1, (l, a) => l.shl(asI32(a), 5), (a) => a << 5],
  'shrS 7': [1, (l, a) => l.shrS(asI32(a), 7), (a) => a >> 7],
  'shrU 9': [1, (l, a) => l.shrU(asI32(a), 9), (a) => (a >>> 9) | 0],
  'rotl 13': [1, (l, a) => l.rotl(asI32(a), 13), (a) => (a << 13) | (a >>> 19)],
  eq: [2, (l, a, b) => l.eq(asI32(a), asI32(b)), (a, b) => a === b],
  ne: [2, (l, a, b) => l.ne(asI32(a), asI32(b)), (a, b) => a !== b],
  lt: [2, (l, a, b) => l.lt(asI32(a), asI32(b)), (a, b) => a < b],
  le: [2, (l, a, b) => l.le(asI32(a), asI32(b)), (a, b) => a <= b],
  gt: [2, (l, a, b) => l.gt(asI32(a), asI32(b)), (a, b) => a > b],
  ge: [2, (l, a, b) => l.ge(asI32(a), asI32(b)), (a, b) => a >= b],
  ltU: [2, (l, a, b) => l.ltU(asI32(a), asI32(b)), (a, b) => u(a) < u(b)],
  leU: [2, (l, a, b) => l.leU(asI32(a), asI32(b)), (a, b) => u(a) <= u(b)],
  fromI32: [1, (l, a) => l.fromI32(asI32(a)), (a) => r32(a)],
  fromU32: [1, (l, a) => l.fromU32(asI32(a)), (a) => r32(u(a))],
  widenI32: [1, (l, a) => l.widenI32(asI32(a)), (a) => a],
  widenU32: [1, (l, a) => l.widenU32(asI32(a)), u],
  truthy: [1, (l, a) => l.truthy(asI32(a)), (a) => a !== 0],
  'wrap extend': [1, (l, a) => l.wrapI64(l.extendI32(asI32(a))), (a) => a],
};

type BigOracle = (a: bigint, b: bigint) => bigint | boolean;
const wrap = (a: bigint): bigint => BigInt.asIntN(64, a);
const BIG_OPS: Readonly<Record<string, readonly [1 | 2, Emit, BigOracle]>> = {
  add: [2, (l, a, b) => l.add(asI64(a), asI64(b)), (a, b) => wrap(a + b)],
  sub: [2, (l, a, b) => l.sub(asI64(a), asI64(b)), (a, b) => wrap(a - b)],
  mul: [2, (l, a, b) => l.mul(asI64(a), asI64(b)), (a, b) => wrap(a * b)],
  neg: [1, (l, a) => l.neg(asI64(a)), (a) => wrap(-a)],
  and: [2, (l, a, b) => l.and(asI64(a), asI64(b)), (a, b) => a & b],
  or: [2, (l, a, b) => l.or(asI64(a), asI64(b)), (a, b) => a | b],
  xor: [2, (l, a, b) => l.xor(asI64(a), asI64(b)), (a, b) => a ^ b],
  not: [1, (l, a) => l.not(asI64(a)), (a) => ~a],
  'shl 20': [1, (l, a) => l.shl(asI64(a), 20), (a) => wrap(a << 20n)],
  'shrS 20': [1, (l, a) => l.shrS(asI64(a), 20), (a) => a >> 20n],
  'shrU 20': [1, (l, a) => l.shrU(asI64(a), 20), (a) => BigInt.asUintN(64, a) >> 20n],
  eq: [2, (l, a, b) => l.eq(asI64(a), asI64(b)), (a, b) => a === b],
  ne: [2, (l, a, b) => l.ne(asI64(a), asI64(b)), (a, b) => a !== b],
  lt: [2, (l, a, b) => l.lt(asI64(a), asI64(b)), (a, b) => a < b],
  le: [2, (l, a, b) => l.le(asI64(a), asI64(b)), (a, b) => a <= b],
  gt: [2, (l, a, b) => l.gt(asI64(a), asI64(b)), (a, b) => a > b],
  ge: [2, (l, a, b) => l.ge(asI64(a), asI64(b)), (a, b) => a >= b],
  constant: [1, (l, a) => l.add(asI64(a), l.i64(-(2n ** 40n) - 3n)), (a) => a - 2n ** 40n - 3n],
};

function saturate(x: number, low: number, high: number): number {
  if (Number.isNaN(x)) return 0;
  return Math.min(Math.max(Math.trunc(x), low), high) | 0;
}
const toI32 = (x: number): number => saturate(x, -(2 ** 31), 2 ** 31 - 1);
const toU32 = (x: number): number => saturate(x, 0, 2 ** 32 - 1);
const view = new DataView(new ArrayBuffer(8));
function bitsOf(x: number): number {
  view.setFloat32(0, x);
  return view.getInt32(0);
}
function bits64Of(x: number): bigint {
  view.setFloat64(0, x);
  return view.getBigInt64(0);
}

for (const mode of MODES) {
  const reason = missing(mode);
  describe.skipIf(reason !== null)(`${mode} lanes${reason === null ? '' : `: ${reason}`}`, () => {
    for (const [name, [count, emit, oracle]] of Object.entries(FLOAT_OPS)) {
      for (const kind of ['f32', 'f64'] as const) {
        test(`${name} of ${kind}`, () => {
          const round: Oracle = (a, b) => {
            const exact = oracle(a, b);
            return typeof exact === 'boolean' || kind === 'f64' ? exact : r32(exact);
          };
          check(mode, DATA[`${kind} ${count}`] ?? [], emit, round);
        });
      }
    }
    for (const [name, [count, emit, oracle]] of Object.entries(INTEGER_OPS)) {
      test(`${name} of i32`, () => check(mode, DATA[`i32 ${count}`] ?? [], emit, oracle));
    }
    for (const [name, [count, emit, oracle]] of Object.entries(BIG_OPS)) {
      test(`${name} of i64`, () => check(mode, DATA[`i64 ${count}`] ?? [], emit, oracle));
    }

    test('conversions of f32', () => {
      const data = DATA['f32 1'] ?? [];
      check(mode, data, (l, a) => l.toI32(asF32(a)), toI32);
      check(mode, data, (l, a) => l.toU32(asF32(a)), toU32);
      check(
        mode,
        data,
        (l, a) => l.widen(asF32(a)),
        (a) => a,
      );
      check(mode, data, (l, a) => l.bits(asF32(a)), bitsOf);
      check(
        mode,
        data,
        (l, a) => l.float(l.bits(asF32(a))),
        (a) => a,
      );
    });

    test('conversions of f64', () => {
      const data = DATA['f64 1'] ?? [];
      check(mode, data, (l, a) => l.narrowI32(a as F64), toI32);
      check(mode, data, (l, a) => l.narrowU32(a as F64), toU32);
      check(mode, data, (l, a) => l.narrow(a as F64), r32);
      check(mode, data, (l, a) => l.bits(a as F64), bits64Of);
    });

    test('masks combine, widen and narrow', () => {
      const data = DATA['f32 2'] ?? [];
      const less = (l: Lanes, a: Value, b: Value): Mask => l.lt(asF32(a), asF32(b));
      const positive = (l: Lanes, a: Value): Mask => l.gt(asF32(a), l.f32(0));
      check(
        mode,
        data,
        (l, a, b) => l.and(less(l, a, b), positive(l, a)),
        (a, b) => a < b && a > 0,
      );
      check(
        mode,
        data,
        (l, a, b) => l.or(less(l, a, b), positive(l, a)),
        (a, b) => a < b || a > 0,
      );
      check(
        mode,
        data,
        (l, a, b) => l.xor(less(l, a, b), positive(l, a)),
        (a, b) => a < b !== a > 0,
      );
      check(
        mode,
        data,
        (l, a, b) => l.not(less(l, a, b)),
        (a, b) => !(a < b),
      );
      check(
        mode,
        data,
        (l, a, b) => l.narrowMask(l.widenMask(less(l, a, b))),
        (a, b) => a < b,
      );
      check(
        mode,
        data,
        (l, a, b) => l.select(l.widenMask(less(l, a, b)), l.f64(1.1), l.f64(-0.1)),
        (a, b) => (a < b ? 1.1 : -0.1),
      );
      check(
        mode,
        data,
        (l, a, b) => l.and(less(l, a, b), l.always(true)),
        (a, b) => a < b,
      );
      check(
        mode,
        data,
        (l, a, b) => l.and(less(l, a, b), l.always(false)),
        () => false,
      );
    });

    test('rare computes and keeps only the lanes that need it', () => {
      check(
        mode,
        DATA['f32 1'] ?? [],
        (l, a) =>
          l.rare(l.gt(asF32(a), l.f32(2)), l.neg(asF32(a)), () => l.callLanes('log', [asF32(a)])),
        (a) => (a > 2 ? r32(Math.log(a)) : -a),
      );
      check(
        mode,
        DATA['f64 1'] ?? [],
        (l, a) =>
          l.rare(l.gt(a as F64, l.f64(2)), l.neg(a as F64), () => l.callLanes('log', [a as F64])),
        (a) => (a > 2 ? Math.log(a) : -a),
      );
      // Never true: the unreachable trap shows that it is not run.
      check(
        mode,
        DATA['i32 1'] ?? [],
        (l, a) =>
          l.rare(l.always(false), asI32(a), () => {
            l.f.op(0x00);
            return asI32(a);
          }),
        (a) => a,
      );
    });

    test('madd rounds twice, or once in relaxed mode', () => {
      const a = Float32Array.from(random, (x) => x - 0.5);
      const b = Float32Array.from(random, (x) => 1 / (x + 0.1));
      // What rounding the product loses is all that is left of a·b - fround(a·b).
      const fused: Oracle = (x, y) => x * y - r32(x * y);
      const madd: Emit = (l, x, y) => l.madd(asF32(x), asF32(y), l.neg(l.mul(asF32(x), asF32(y))));
      const nmadd: Emit = (l, x, y) => l.nmadd(asF32(x), asF32(y), l.mul(asF32(x), asF32(y)));
      const wide: Emit = (l, x, y) => l.madd(x as F64, y as F64, l.f64(0.5));
      const got = runLanes(mode, [a, b], (l, [x, y]) => madd(l, x as Value, y as Value));
      // Engines may fuse in relaxed mode or not, but always alike.
      const isFused = mode === 'relaxed' && got.some((value) => value !== 0);
      check(mode, [a, b], madd, (x: number, y: number) => (isFused ? fused(x, y) : 0));
      check(mode, [a, b], nmadd, (x: number, y: number) => (isFused ? -fused(x, y) : 0));
      const small = [Float64Array.of(1, 2, -3, 0.5), Float64Array.of(7, -2, 0.25, NaN)];
      check(mode, small, wide, (x: number, y: number) => x * y + 0.5);
      check(
        mode,
        small,
        (l, x, y) => l.nmadd(x as F64, y as F64, l.f64(0.5)),
        (x: number, y: number) => 0.5 - x * y,
      );
    });

    test('lanes are numbered, read and written one by one', () => {
      const column = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8);
      const width = mode === 'scalar' ? 1 : 4;
      const index = runLanes(mode, [column], (l) => l.laneIndex());
      expect(index).toEqual(Array.from(column, (_, i) => i % width));
      const last = runLanes(mode, [column], (l, [a]) =>
        l.splat('f32', l.extract(a as F32, l.width - 1)),
      );
      expect(last).toEqual(Array.from(column, (_, i) => i - (i % width) + width));
      const wide = runLanes(mode, [column], (l, [a]) =>
        l.splat('f64', l.extract(l.widen(a as F32), l.width - 1)),
      );
      expect(wide).toEqual(last);
    });

    test.each(['f32', 'i32', 'f64'] as const)('loads and stores of %s', (kind) => {
      const bytes = kind === 'f64' ? 8 : 4;
      const numbers = Array.from({ length: 16 }, (_, i) => i + 1);
      const data = { f32: Float32Array, i32: Int32Array, f64: Float64Array }[kind].from(numbers);
      const width = mode === 'scalar' ? 1 : 4;
      // Columns start at byte 64; the expression writes behind everything else, at 1024.
      const run = (emit: (l: Lanes, at: number, stride: number) => Value): (number | bigint)[] =>
        runLanes(mode, [data], (l) => {
          const at = l.f.local('i32');
          const stride = l.f.local('i32');
          l.f
            .i32(64)
            .set(at)
            .i32(2 * bytes)
            .set(stride);
          return emit(l, at, stride);
        }).slice(0, width);
      const lanes = Array.from({ length: width }, (_, i) => i);
      expect(run((l, at) => l.load(kind, at, bytes))).toEqual(lanes.map((i) => i + 2));
      expect(run((l, at) => l.loadSplat(kind, at, bytes))).toEqual(lanes.map(() => 2));
      expect(run((l, at) => l.loadFirst(kind, at, bytes))).toEqual(lanes.map((i) => (i ? 0 : 2)));
      expect(run((l, at, stride) => l.gather(kind, at, stride))).toEqual(
        lanes.map((i) => 2 * i + 1),
      );
      const behind = (l: Lanes, write: (to: number) => void): Value => {
        const to = l.f.local('i32');
        l.f.i32(1024).set(to);
        l.store(to, l.splat('i32', l.f.hoistInteger('i32', 0n)));
        write(to);
        return l.load(kind, to);
      };
      expect(run((l, at) => behind(l, (to) => l.store(to, l.load(kind, at))))).toEqual(
        lanes.map((i) => i + 1),
      );
      expect(run((l, at) => behind(l, (to) => l.storeFirst(to, l.load(kind, at))))).toEqual(
        lanes.map((i) => (i ? 0 : 1)),
      );
      const scattered = run((l, at, stride) => {
        const from = l.load(kind, at);
        const to = l.f.local('i32');
        l.f.i32(1024).set(to);
        l.scatter(to, stride, from);
        l.f
          .get(to)
          .i32(2 * bytes * (l.width - 1))
          .op(OP.i32Add)
          .set(to);
        return l.loadSplat(kind, to);
      });
      expect(scattered).toEqual(lanes.map(() => width));
    });

    test('constants reach every lane with all their bits', () => {
      const column = Int32Array.of(1, 2, 3, 4);
      for (const value of [Math.PI, -0, 1e-45, Infinity, NaN]) {
        expect(runLanes(mode, [column], (l) => l.f64(value))).toEqual(Array(4).fill(value));
        expect(runLanes(mode, [column], (l) => l.f32(value))).toEqual(Array(4).fill(r32(value)));
      }
      for (const value of [-(2n ** 63n), 2n ** 40n + 1n, -1n]) {
        expect(runLanes(mode, [column], (l) => l.i64(value))).toEqual(Array(4).fill(value));
      }
      expect(runLanes(mode, [column], (l) => l.i32(0xdeadbeef))).toEqual(
        Array(4).fill(0xdeadbeef | 0),
      );
    });
  });
}

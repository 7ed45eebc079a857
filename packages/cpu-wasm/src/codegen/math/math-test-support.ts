/**
 * For tests only: runs a function of this folder over millions of float32 arguments in each mode
 * and finds its largest error. The oracle is given in double precision.
 */
import { ModuleBuilder } from '../../encoder/module.ts';
import { OP } from '../../encoder/opcodes.ts';
import { createLanes, type F32, type LaneMode, type Lanes } from '../lanes.ts';

export type Emit = (lanes: Lanes, x: F32, y: F32) => F32;
export type Oracle = (x: number, y: number) => number;

export const INF: number = Number.POSITIVE_INFINITY;
export const NAN: number = Number.NaN;

/** Arguments per call of the compiled loop; column i lies at i·BYTES. */
const CHUNK = 2 ** 16;
const BYTES = 4 * CHUNK;

type Run = (columns: readonly Float32Array[]) => Float32Array;

/** The function as a loop over columns of CHUNK elements: two arguments, then the result. */
function compile(mode: LaneMode, emit: Emit): Run {
  const module = new ModuleBuilder({ shared: false });
  const f = module.function(undefined, 'run');
  const lanes = createLanes(f, mode);
  const at = f.local('i32');
  f.loop((next) => {
    const y = emit(lanes, lanes.load('f32', at), lanes.load('f32', at, BYTES));
    lanes.store(at, y, 2 * BYTES);
    f.get(at)
      .i32(4 * lanes.width)
      .op(OP.i32Add)
      .tee(at)
      .i32(BYTES)
      .op(OP.i32LtU)
      .brIf(next);
  });
  const memory = new WebAssembly.Memory({ initial: 12 });
  const compiled = new WebAssembly.Module(module.finish());
  const instance = new WebAssembly.Instance(compiled, { env: { memory } });
  const run = instance.exports.run as () => void;
  const floats = new Float32Array(memory.buffer);
  return (columns) => {
    columns.forEach((column, i) => {
      floats.set(column, i * CHUNK);
    });
    run();
    return floats.subarray(2 * CHUNK, 2 * CHUNK + (columns[0]?.length ?? 0));
  };
}

/** What the function gives for these arguments. */
export function values(mode: LaneMode, emit: Emit, ...columns: readonly number[][]): number[] {
  return [...compile(mode, emit)(columns.map((column) => Float32Array.from(column)))];
}

/** Arguments in chunks, with the results rounded to float32. */
export interface Samples {
  readonly columns: readonly Float32Array[];
  readonly exact: Float64Array;
}

export function samples(oracle: Oracle, ...columns: readonly Float32Array[]): Samples[] {
  const chunks: Samples[] = [];
  const length = columns[0]?.length ?? 0;
  for (let start = 0; start < length; start += CHUNK) {
    const part = columns.map((column) => column.subarray(start, start + CHUNK));
    const [x, y = x] = part as [Float32Array, Float32Array?];
    const exact = Float64Array.from(x, (value, i) => oracle(value, y?.[i] as number));
    chunks.push({ columns: part, exact });
  }
  return chunks;
}

export interface Worst {
  ulp: number;
  /** Arguments, result and exact result of the worst case. */
  at: readonly number[];
  got: number;
  exact: number;
}

const word = new Int32Array(1);
const float = new Float32Array(word.buffer);
function fromBits(bits: number): number {
  word[0] = bits;
  return float[0] as number;
}
function toBits(x: number): number {
  float[0] = x;
  return word[0] as number;
}
/** Position among all float32 numbers: neighbours differ by one, the zeros by one too. */
function order(x: number): number {
  const bits = toBits(x);
  return bits < 0 ? -1 - (bits & 0x7fffffff) : bits;
}

/** Float32 numbers from the rounded exact result; infinite where only one is NaN or infinite. */
function ulpsOff(got: number, exact: number): number {
  const wanted = Math.fround(exact);
  if (Object.is(got, wanted)) return 0;
  if (!Number.isFinite(got) || !Number.isFinite(wanted)) return INF;
  return Math.abs(order(got) - order(wanted));
}

/** The largest error over the samples. */
export function worst(mode: LaneMode, emit: Emit, chunks: readonly Samples[]): Worst {
  const run = compile(mode, emit);
  const found: Worst = { ulp: 0, at: [], got: NAN, exact: NAN };
  for (const { columns, exact } of chunks) {
    const got = run(columns);
    for (let i = 0; i < got.length; i++) {
      const value = got[i] as number;
      const wanted = exact[i] as number;
      if (value === Math.fround(wanted) && value !== 0) continue;
      const ulp = ulpsOff(value, wanted);
      if (ulp <= found.ulp) continue;
      Object.assign(found, { ulp, at: columns.map((c) => c[i] as number), got: value });
      found.exact = wanted;
    }
  }
  return found;
}

/**
 * Every sign and exponent (subnormals, infinities and NaN too), mantissas spread evenly: 2^16 for
 * each exponent between 2^-24 and 2^8, where functions bend, 2^12 elsewhere.
 */
export function sweep(): Float32Array {
  const parts: number[][] = [];
  for (let exponent = 0; exponent < 512; exponent++) {
    const isDense = Math.abs((exponent & 0xff) - 119) <= 16;
    const step = 2 ** (isDense ? 7 : 11);
    const part: number[] = [];
    // a step that starts elsewhere in each octave
    for (let m = (exponent * 37) % step; m < 2 ** 23; m += step) {
      part.push(fromBits((exponent << 23) | m));
    }
    parts.push(part);
  }
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** The `radius` floats on either side of each center, and the center. */
export function neighbours(centers: readonly number[], radius: number): Float32Array {
  return Float32Array.from(
    centers.flatMap((center) =>
      Array.from({ length: 2 * radius + 1 }, (_, i) => fromBits(toBits(center) + i - radius)),
    ),
  );
}

/** Zeros, the smallest and largest subnormal, the least normal, one, the largest, infinities. */
export const SPECIALS: readonly number[] = [
  ...[0, 2 ** -149, 2 ** -126 - 2 ** -149, 2 ** -126, 1, 3.4028234663852886e38, INF],
].flatMap((x) => [x, -x]);

export interface UnaryCase {
  readonly emit: (lanes: Lanes, x: F32) => F32;
  readonly oracle: (x: number) => number;
  /** The bound to hold. */
  readonly ulp: number;
  /** Points whose neighbourhoods are hard. */
  readonly hard: readonly number[];
  /** Arguments and exactly what they must give. */
  readonly exact: readonly (readonly [number, number])[];
}

/** Each NaN has its own bits: quiet and signalling, of both signs. */
const NANS = new Float32Array(
  Int32Array.of(0x7f800001, 0x7fc00000, 0x7fffffff, -1, 0xffc00001, 0xff800001).buffer,
);

const known = new Map<UnaryCase, Samples[]>();
/** All of float32 in samples, and the neighbourhoods; computed once for all modes. */
function samplesOf(unary: UnaryCase): Samples[] {
  const hard = neighbours([...unary.hard, ...SPECIALS], 1000);
  const chunks = known.get(unary) ?? [
    ...samples(unary.oracle, sweep()),
    ...samples(unary.oracle, hard),
  ];
  known.set(unary, chunks);
  return chunks;
}

const text = (x: number | undefined): string => (Object.is(x, -0) ? '-0' : `${x}`);

/** What is wrong with a function in a mode, in words; empty if all is well. */
export function problems(mode: LaneMode, unary: UnaryCase): string[] {
  const { emit, ulp, exact } = unary;
  const list: string[] = [];
  const found = worst(mode, emit, samplesOf(unary));
  if (found.ulp > ulp) list.push(`expected at most ${ulp} ULP, got ${JSON.stringify(found)}`);
  const got = values(
    mode,
    emit,
    exact.map(([x]) => x),
  );
  exact.forEach(([x, y], i) => {
    if (!Object.is(got[i], y)) list.push(`expected ${text(y)} of ${text(x)}, got ${text(got[i])}`);
  });
  compile(
    mode,
    emit,
  )([NANS]).forEach((y, i) => {
    if (!Number.isNaN(y)) list.push(`expected NaN of the NaN number ${i}, got ${y}`);
  });
  return list;
}

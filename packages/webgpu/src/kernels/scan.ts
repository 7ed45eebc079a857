/**
 * Inclusive running sum or maximum over n, dense operands. Long rows are cut into parts: their
 * totals, the running totals before each, then the results. Sums of floats carry what each addition
 * loses (Knuth's two-sum) and are rounded where they are stored; where a driver simplifies that
 * away they are still sums of partial sums. NaN stays, -0 comes before 0.
 * args: O N I. Buffers: x, out, workspace.
 */
import type { ScanSpec } from '@tenon/core';
import { type Gpu, GpuKernel, type ShaderSource } from '../kernel.ts';
import { cachedPipelines } from './cached-pipelines.ts';
import { groupsOf, idBelow, isRegister, shaderOf, wordNames } from './irregular.ts';

const TOTALS: string = '\n  work[2u * id] = state.sum;\n  work[2u * id + 1u] = state.rest;';
const w = wordNames('total', 'parts', 'length', 'n', 'i');

/** How a reduction runs: a state, written to the workspace as two words of `type`. */
interface Running {
  readonly type: 'f32' | 'i32';
  readonly declarations: string;
  /** The state before anything. */
  readonly start: string;
  /** The element as what `step` takes. */
  load(x: string): string;
  /** What is stored for a state. */
  store(state: string): string;
}

const SUM_FLOAT = `struct State { sum: f32, rest: f32 }
fn step(s: State, x: f32) -> State {
  let sum = s.sum + x;
  let part = sum - s.sum;
  return State(sum, s.rest + ((s.sum - (sum - part)) + (x - part)));
}
fn join(s: State, t: State) -> State {
  let sum = step(s, t.sum);
  return State(sum.sum, sum.rest + t.rest);
}
fn value_of(s: State) -> f32 {
  // What infinities and NaN lose is NaN.
  let is_finite = (bitcast<u32>(s.sum) & 0x7f800000u) != 0x7f800000u;
  if (is_finite) { return s.sum + s.rest; }
  return s.sum;
}`;

const wholeNumbers = (combined: string): string => `struct State { sum: i32, rest: i32 }
fn step(s: State, x: i32) -> State { return State(${combined}, 0i); }
fn join(s: State, t: State) -> State { return step(s, t.sum); }`;

/** Floats as integers in the same order, -0 below 0, every NaN the largest; its own inverse. */
const ORDERED = `fn ordered(bits: i32) -> i32 {
  return bits ^ ((bits >> 31u) & 0x7fffffffi);
}
fn order_of(bits: i32) -> i32 {
  if ((bits & 0x7fffffffi) > 0x7f800000i) { return 0x7fc00000i; }
  return ordered(bits);
}`;

function runningOf({ dtype, reducer }: ScanSpec): Running {
  const isFloat = dtype === 'f32' || dtype === 'f16';
  // The running "or" of bools is their running maximum.
  if (reducer === 'sum' && dtype !== 'bool') {
    if (!isFloat) {
      return {
        type: 'i32',
        declarations: wholeNumbers('s.sum + x'),
        start: 'State(0i, 0i)',
        load: (x) => x,
        store: (state) => `${state}.sum`,
      };
    }
    return {
      type: 'f32',
      declarations: SUM_FLOAT,
      start: 'State(0f, 0f)',
      load: (x) => (dtype === 'f16' ? `f32(${x})` : x),
      store: (s) => (dtype === 'f16' ? `f16(value_of(${s}))` : `value_of(${s})`),
    };
  }
  const text = wholeNumbers('max(s.sum, x)');
  const least = 'State(-0x7fffffffi - 1i, 0i)';
  if (isFloat) {
    const back = (state: string): string => `ordered(${state}.sum)`;
    return {
      type: 'i32',
      declarations: `${ORDERED}\n${text}`,
      start: least,
      load: (x) => (dtype === 'f16' ? `order_of(bitcast<i32>(f32(${x})))` : `order_of(${x})`),
      store: (s) => (dtype === 'f16' ? `f16(bitcast<f32>(${back(s)}))` : back(s)),
    };
  }
  const flip = (x: string): string => (dtype === 'u32' ? `(${x} ^ (-0x7fffffffi - 1i))` : x);
  return {
    type: 'i32',
    declarations: text,
    start: least,
    load: flip,
    store: (state) => flip(`${state}.sum`),
  };
}

/** The element type to bind: everything that is no float sum runs over bits. */
function boundType({ dtype, reducer }: ScanSpec): 'f32' | 'i32' | 'f16' {
  if (dtype === 'f16') return 'f16';
  return dtype === 'f32' && reducer === 'sum' ? 'f32' : 'i32';
}

type Stage = 'whole' | 'totals' | 'results';

/** One invocation per part of a row: 'whole' knows no parts before it, 'totals' stores its sum. */
export function scanShader(spec: ScanSpec, stage: Stage): ShaderSource {
  const running = runningOf(spec);
  const bound = boundType(spec);
  const work = { name: 'work', dtype: running.type } as const;
  const result =
    stage === 'totals' ? '' : `\n    out[base + p * ${w.i}] = ${running.store('state')};`;
  const begin = stage === 'results' ? 'State(work[2u * id], work[2u * id + 1u])' : running.start;
  return shaderOf({
    label: 'scan',
    bindings: [
      { name: 'x', dtype: bound, access: 'r' },
      ...(stage === 'totals' ? [] : [{ name: 'out', dtype: bound, access: 'w' } as const]),
      ...(stage === 'whole' ? [] : [{ ...work, access: stage === 'totals' ? 'w' : 'r' } as const]),
    ],
    words: w,
    declarations: running.declarations,
    body: `  ${idBelow(w.total)}
  let part = id / ${w.i} % ${w.parts};
  let base = id / ${w.i} / ${w.parts} * ${w.n} * ${w.i} + id % ${w.i};
  var state = ${begin};
  let first = part * ${w.length};
  let end = min(first + ${w.length}, ${w.n});
  for (var p = first; p < end; p++) {
    state = step(state, ${running.load(`x[base + p * ${w.i}]`)});${result}
  }${stage === 'totals' ? TOTALS : ''}`,
  });
}

/** In place: the totals of parts become the running total before each. */
function scanCarry(spec: ScanSpec): ShaderSource {
  const { type, declarations, start } = runningOf(spec);
  return shaderOf({
    label: 'scan',
    bindings: [{ name: 'work', dtype: type, access: 'w' }],
    words: w,
    declarations,
    body: `  ${idBelow(w.total)}
  var state = ${start};
  for (var part = 0u; part < ${w.parts}; part++) {
    let at = 2u * ((id / ${w.i} * ${w.parts} + part) * ${w.i} + id % ${w.i});
    let total = State(work[at], work[at + 1u]);
    work[at] = state.sum;
    work[at + 1u] = state.rest;
    state = join(state, total);
  }`,
  });
}

export function prepareScan(spec: ScanSpec, gpu: Gpu): GpuKernel {
  const whole = gpu.pipeline(scanShader(spec, 'whole'));
  const later = cachedPipelines(gpu);
  // Invocations that fill the device.
  const plenty = isRegister(gpu) ? 512 : 16384;
  const lengthOf = (rows: number, n: number): number => {
    if (n < 512 || 2 * rows > plenty) return n;
    return Math.max(64, Math.ceil((n * rows) / plenty), Math.ceil(n / 1024));
  };
  return new GpuKernel(
    spec,
    (recorder, buffers, args) => {
      const n = args[1]!;
      const i = args[2]!;
      const rows = args[0]! * i;
      if (rows * n === 0) return;
      const length = lengthOf(rows, n);
      const parts = Math.ceil(n / length);
      const [x, out, work] = buffers;
      if (parts === 1) {
        recorder.dispatch(whole, [x!, out!], [rows, 1, n, n, i], groupsOf(rows));
        return;
      }
      const total = rows * parts;
      const words = [total, parts, length, n, i];
      const totals = later('totals', () => scanShader(spec, 'totals'));
      recorder.dispatch(totals, [x!, work!], words, groupsOf(total));
      const carry = later('carry', () => scanCarry(spec));
      recorder.dispatch(carry, [work!], [rows, parts, length, n, i], groupsOf(rows));
      const results = later('results', () => scanShader(spec, 'results'));
      recorder.dispatch(results, [x!, out!, work!], words, groupsOf(total));
    },
    (args) => {
      const n = args[1]!;
      const rows = args[0]! * args[2]!;
      const parts = n === 0 ? 1 : Math.ceil(n / lengthOf(rows, n));
      return parts <= 1 ? 0 : 8 * rows * parts;
    },
  );
}

// Writes the WebAssembly modules whose speed is the machine's ceiling: loops of multiply-adds in
// registers or over a small tile of memory, and a copy. Not an encoder for general use: one
// function a module, written by hand from the opcodes of the specification (2.0, relaxed SIMD).

/** What one step computes with: f32, f32x4 mul and add, or f32x4.relaxed_madd. */
export type Arithmetic = 'scalar' | 'simd' | 'relaxed';

/** One loop body of the sweep. */
export type Mix =
  /** `accumulators` chains a = a·s + b, the body written `unroll` times. */
  | { readonly kind: 'chain'; readonly accumulators: number; readonly unroll: number }
  /** As many chains a = a·s as chains a = a + b: no operation waits for the other kind. */
  | { readonly kind: 'split'; readonly accumulators: number; readonly unroll: number }
  /** A matrix product's inner loop: `rows` x 8 accumulators, operands from packed panels. */
  | { readonly kind: 'tile'; readonly rows: number; readonly unroll: number };

/** A module with its function `run(steps)`, and the floating-point operations of one step. */
export interface LoopModule {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly flopsPerStep: number;
}

/** Depth of the panels that a tile's loop walks through again and again: they stay in L1. */
const DEPTH = 256;
/** Byte address of the second panel; the first starts at 0. */
const SECOND_PANEL = 32_768;

const [I32, F32, V128] = [0x7f, 0x7d, 0x7b];
const END = 0x0b;
const ADD_I32 = 0x6a;
const SUB_I32 = 0x6b;
const LOAD_F32 = [0x2a, 2];
const LOAD = [0xfd, 0, 4];
const LOAD_SPLAT = [0xfd, 9, 2];
const STORE = [0xfd, 11, 4];
const FIRST_LANE = [0xfd, 0x1f, 0];

function leb(value: number): number[] {
  const out: number[] = [];
  for (let rest = value; ; ) {
    const low = rest & 0x7f;
    rest >>= 7;
    const isLast = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
    out.push(isLast ? low : low | 0x80);
    if (isLast) return out;
  }
}

/** Unsigned, for indices, counts and lengths. */
function uleb(value: number): number[] {
  return value < 128 ? [value] : [(value & 0x7f) | 0x80, ...uleb(value >>> 7)];
}

const get = (local: number): number[] => [0x20, ...uleb(local)];
const set = (local: number): number[] => [0x21, ...uleb(local)];
const constant = (value: number): number[] => [0x41, ...leb(value)];
const section = (id: number, content: number[]): number[] => [
  id,
  ...uleb(content.length),
  ...content,
];
const advance = (local: number, by: number): number[] => [
  ...get(local),
  ...constant(by),
  ADD_I32,
  ...set(local),
];

/** A loop that runs `body` and counts `counter` down to 0; at least once. */
function loop(counter: number, body: number[]): number[] {
  const count = [...get(counter), ...constant(1), SUB_I32, 0x22, ...uleb(counter)];
  return [0x03, 0x40, ...body, ...count, 0x0d, 0, END];
}

function moduleOf(
  parameters: number,
  results: number[],
  locals: readonly (readonly [count: number, type: number])[],
  body: number[],
  pages: number,
): Uint8Array<ArrayBuffer> {
  const name = (text: string): number[] => [text.length, ...new TextEncoder().encode(text)];
  const declared = locals.flatMap(([count, type]) => [...uleb(count), type]);
  const code = [locals.length, ...declared, ...body, END];
  const types = new Array<number>(parameters).fill(I32);
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, parameters, ...types, results.length, ...results]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, ...uleb(pages)]),
    ...section(7, [2, ...name('run'), 0, 0, ...name('memory'), 2, 0]),
    ...section(10, [1, ...uleb(code.length), ...code]),
  ]);
}

interface Ops {
  readonly lanes: number;
  readonly type: number;
  /** Loads from an address plus a constant. */
  load(offset: number): number[];
  /** From the address on the stack: one value in every lane. */
  splat(offset: number): number[];
  readonly mul: number[];
  readonly add: number[];
  /** The code of x·y + a, each operand given as code. */
  madd(x: number[], y: number[], a: number[]): number[];
}

function opsOf(arithmetic: Arithmetic): Ops {
  const isScalar = arithmetic === 'scalar';
  const mul = isScalar ? [0x94] : [0xfd, 0xe6, 1];
  const add = isScalar ? [0x92] : [0xfd, 0xe4, 1];
  return {
    lanes: isScalar ? 1 : 4,
    type: isScalar ? F32 : V128,
    load: (offset) => [...(isScalar ? LOAD_F32 : LOAD), ...uleb(offset)],
    splat: (offset) => [...(isScalar ? LOAD_F32 : LOAD_SPLAT), ...uleb(offset)],
    mul,
    add,
    madd: (x, y, a) =>
      arithmetic === 'relaxed'
        ? [...x, ...y, ...a, 0xfd, 0x85, 2]
        : [...a, ...x, ...y, ...mul, ...add],
  };
}

/** Locals: 0 the steps, then s, b and the accumulators; s and b come from memory. */
function chains(ops: Ops, mix: Exclude<Mix, { kind: 'tile' }>): number[] {
  const { accumulators, unroll } = mix;
  const [s, b, first] = [1, 2, 3];
  const names = Array.from({ length: accumulators }, (_, i) => first + i);
  const start = [s, b, ...names].flatMap((local) => [
    ...constant(0),
    ...ops.load(local === s ? 0 : 16),
    ...set(local),
  ]);
  const step = names.flatMap((a, i) => {
    if (mix.kind === 'chain') return [...ops.madd(get(a), get(s), get(b)), ...set(a)];
    const isProduct = i % 2 === 0;
    const op = isProduct ? [...get(s), ...ops.mul] : [...get(b), ...ops.add];
    return [...get(a), ...op, ...set(a)];
  });
  const body = Array.from({ length: unroll }, () => step).flat();
  return [...start, ...loop(0, body), ...sum(ops, names)];
}

/** Locals: 0 the steps, 1 the inner count, 2 and 3 addresses, 4 and 5 columns, then a tile. */
function tile(ops: Ops, rows: number, unroll: number): number[] {
  const [inner, pa, pb, left, right, value, first] = [1, 2, 3, 4, 5, 6, 7];
  const names = Array.from({ length: 2 * rows }, (_, i) => first + i);
  const width = 4 * ops.lanes;
  const step: number[] = [];
  for (let k = 0; k < unroll; k++) {
    step.push(...get(pb), ...ops.load(2 * k * width), ...set(left));
    step.push(...get(pb), ...ops.load((2 * k + 1) * width), ...set(right));
    for (let row = 0; row < rows; row++) {
      step.push(...get(pa), ...ops.splat(4 * (k * rows + row)), ...set(value));
      for (const [i, column] of [left, right].entries()) {
        const a = names[2 * row + i]!;
        step.push(...ops.madd(get(value), get(column), get(a)), ...set(a));
      }
    }
  }
  step.push(...advance(pa, 4 * rows * unroll), ...advance(pb, 2 * width * unroll));
  const outer = [
    ...[...constant(0), ...set(pa), ...constant(SECOND_PANEL), ...set(pb)],
    ...[...constant(DEPTH / unroll), ...set(inner), ...loop(inner, step)],
  ];
  return [...loop(0, outer), ...sum(ops, names)];
}

/** All accumulators added up: none may be left out by the compiler. */
function sum(ops: Ops, names: readonly number[]): number[] {
  const total = names.flatMap((a, i) => (i === 0 ? get(a) : [...get(a), ...ops.add]));
  return ops.lanes === 1 ? total : [...total, ...FIRST_LANE];
}

/** The module of one loop. A tile's step is a whole pass over its panels. */
export function encodeLoop(arithmetic: Arithmetic, mix: Mix): LoopModule {
  const ops = opsOf(arithmetic);
  if (mix.kind === 'tile') {
    const body = tile(ops, mix.rows, mix.unroll);
    const locals = [
      [3, I32],
      [3 + 2 * mix.rows, ops.type],
    ] as const;
    const flopsPerStep = DEPTH * mix.rows * 2 * ops.lanes * 2;
    return { bytes: moduleOf(1, [F32], locals, body, 1), flopsPerStep };
  }
  const { accumulators, unroll } = mix;
  const body = chains(ops, mix);
  const perChain = mix.kind === 'chain' ? 2 : 1;
  return {
    bytes: moduleOf(1, [F32], [[2 + accumulators, ops.type]], body, 1),
    flopsPerStep: accumulators * unroll * ops.lanes * perChain,
  };
}

/** `run(from, to, steps)`: copies 64 bytes a step by v128 loads and stores. */
export function encodeCopy(pages: number): Uint8Array<ArrayBuffer> {
  const [from, to, steps] = [0, 1, 2];
  const parts = [0, 16, 32, 48].flatMap((offset) => [
    ...[...get(to), ...get(from), ...LOAD, ...uleb(offset)],
    ...[...STORE, ...uleb(offset)],
  ]);
  const body = loop(steps, [...parts, ...advance(from, 64), ...advance(to, 64)]);
  return moduleOf(3, [], [], body, pages);
}

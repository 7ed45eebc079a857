/**
 * Random numbers: counter-based, so element i of call c of seed s is a pure function of (s, c, i).
 * Bits, uniform, bernoulli, integers and permutations are bit-identical on every backend.
 */
import type { Backend } from '../backend.ts';
import { runtimeFor } from '../backends.ts';
import { bind } from '../bind.ts';
import { defineComposite } from '../composite.ts';
import { DTypeError, ValueError } from '../errors.ts';
import { expose, library } from '../memory/ownership.ts';
import { randomBits as randomBitsPrimitive } from '../primitives/binary.ts';
import type { Runtime } from '../runtime.ts';
import { noGrad } from '../scope.ts';
import { checkShape, type Shape, sizeOf } from '../shape.ts';
import { Tensor, type Variable } from '../tensor.ts';
import { callKey } from '../threefry.ts';
import { arange, tensor, variable } from './create.ts';
import {
  add,
  cast,
  clip,
  cos,
  erfInv,
  floor,
  less,
  log,
  maximum,
  mul,
  neg,
  sqrt,
  sub,
  unitFloat,
} from './elementwise.ts';
import { expandTo } from './operand.ts';
import { argSort } from './order.ts';
import { argMax } from './reduce.ts';
import { narrow, reshape, unsqueeze } from './shape.ts';
import { detach } from './state.ts';

/**
 * A source of keys: a seed and the number of calls so far. The number is a variable on each backend
 * that asks, so that a compiled step draws new numbers each time it runs.
 */
export class Generator {
  #seed: number;
  readonly #states = new Map<Runtime, Variable>();
  /** Keys given, to go on from where a lost device took its state along. */
  readonly #calls = new Map<Runtime, number>();

  /** @param seed a whole number in [0, 2^53] */
  constructor(seed = 0) {
    this.#seed = checkSeed(seed);
  }
  get seed(): number {
    return this.#seed;
  }
  /** Starts anew with another seed. */
  reset(seed: number): void {
    this.#seed = checkSeed(seed);
    this.#states.clear();
    this.#calls.clear();
  }
  /** A fresh key, u32 [2]; the next call gives another. */
  nextKey(backend?: Backend): Tensor {
    const runtime = runtimeFor(backend);
    const state = this.#state(runtime);
    const key = detach(state);
    this.#calls.set(runtime, (this.#calls.get(runtime) ?? 0) + 1);
    noGrad(() =>
      library(() => state.assign(add(state, arange(2, { dtype: 'u32', backend: state.backend })))),
    );
    return key;
  }
  /** The state on every backend that has drawn from here, for `restore`. */
  save(): ReadonlyMap<Runtime, Tensor> {
    return new Map(
      [...this.#states].map(([runtime, state]) => {
        const value = detach(state);
        // Held outside of any frame and graph: only the collector may decide about it.
        expose(value);
        return [runtime, value];
      }),
    );
  }
  /** Goes back to a saved state. */
  restore(saved: ReadonlyMap<Runtime, Tensor>): void {
    for (const runtime of this.#states.keys()) {
      if (saved.has(runtime)) continue;
      this.#states.delete(runtime);
      this.#calls.delete(runtime);
    }
    for (const [runtime, value] of saved) this.#state(runtime).assign(value);
  }

  #state(runtime: Runtime): Variable {
    let state = this.#states.get(runtime);
    if (state === undefined || (state.source.kind === 'storage' && state.source.isLost)) {
      const words = Uint32Array.from(callKey(this.#seed, this.#calls.get(runtime) ?? 0));
      state = library(() => variable(tensor(words, { backend: runtime.backend })));
      this.#states.set(runtime, state);
    }
    return state;
  }
}

function checkSeed(seed: number): number {
  if (!Number.isInteger(seed) || seed < 0 || seed > 2 ** 53) {
    throw new ValueError(`seed: expected a whole number in [0, 2^53], got ${seed}`);
  }
  return seed;
}

const shared = new Generator(0);
let hostReset: (seed: number) => void = () => {};
/** Called by host-random.ts, whose stream follows the same seed. */
export function onSetSeed(reset: (seed: number) => void): void {
  hostReset = reset;
}

/** Seeds the default generator, and with it initializers, dropout and all functions below. */
export function setSeed(seed: number): void {
  shared.reset(seed);
  hostReset(seed);
}
/** The generator that is used where none is given. */
export function defaultGenerator(): Generator {
  return shared;
}
/** The default generator's state now; see withRandomState. */
export function randomState(): ReadonlyMap<Runtime, Tensor> {
  return shared.save();
}
/** Runs fn with the default generator as it was, then puts it back to where it is. */
export function withRandomState<T>(state: ReadonlyMap<Runtime, Tensor>, fn: () => T): T {
  const now = shared.save();
  shared.restore(state);
  try {
    return fn();
  } finally {
    shared.restore(now);
  }
}

export interface RandomOptions {
  readonly generator?: Generator;
  readonly backend?: Backend;
}

/** A fresh key of the generator, u32 [2]. */
export function nextKey(options: RandomOptions = {}): Tensor {
  return (options.generator ?? shared).nextKey(options.backend);
}

/** Bits (u32) of `shape` under a key: element i is Threefry-2x32-13 of counter i. */
export function randomBits(key: Tensor, shape: Shape): Tensor {
  checkShape('randomBits', shape);
  if (key.dtype !== 'u32' || key.size !== 2) {
    throw new DTypeError(
      `randomBits: a key is u32 [2], got ${key.dtype} of ${key.size} (use nextKey)`,
    );
  }
  const [k0, k1] = [0, 1].map((i) => expandTo(reshape(narrow(key, 0, i, 1), []), shape));
  const counter = reshape(arange(sizeOf(shape), { dtype: 'u32', backend: key.backend }), shape);
  return bind(randomBitsPrimitive, [k0 as Tensor, k1 as Tensor, counter], null);
}

interface ShapeAttrs {
  readonly shape: Shape;
}
const uniformComposite = defineComposite<ShapeAttrs>({
  name: 'randomUniform',
  type: (_inputs, { shape }) => [{ shape, dtype: 'f32' }],
  decompose: (_ops, [key], { shape }) => [unitFloat(randomBits(key as Tensor, shape))],
});
/** Box and Muller, 1958: √(-2 ln u₁) · cos 2πu₂ with u₁ in (0, 1]; two counters an element. */
const normalComposite = defineComposite<ShapeAttrs>({
  name: 'randomNormal',
  type: (_inputs, { shape }) => [{ shape, dtype: 'f32' }],
  decompose: (_ops, [key], { shape }) => {
    const [first, second] = twoUniforms(key as Tensor, shape);
    const radius = sqrt(mul(log(sub(1, first)), -2));
    return [mul(radius, cos(mul(second, 2 * Math.PI)))];
  },
});
function twoUniforms(key: Tensor, shape: Shape): [Tensor, Tensor] {
  const [k0, k1] = [0, 1].map((i) => expandTo(reshape(narrow(key, 0, i, 1), []), shape)) as [
    Tensor,
    Tensor,
  ];
  const size = sizeOf(shape);
  const { backend } = key;
  return [0, 1].map((i) => {
    const counter = reshape(arange(i * size, (i + 1) * size, { dtype: 'u32', backend }), shape);
    return unitFloat(bind(randomBitsPrimitive, [k0, k1, counter], null));
  }) as [Tensor, Tensor];
}

/** Draws with a fresh key in library mode, without gradient. */
function draw(
  op: string,
  shape: Shape,
  options: RandomOptions,
  fn: (key: Tensor) => Tensor,
): Tensor {
  checkShape(op, shape);
  return noGrad(() => library(() => fn(nextKey(options))));
}

/** Uniform in [0, 1): multiples of 2^-24. f32. */
export function rand(shape: Shape, options: RandomOptions = {}): Tensor {
  return draw('rand', shape, options, (key) => uniformComposite([key], { shape })[0] as Tensor);
}
/** Normal with mean 0 and standard deviation 1. f32. */
export function randn(shape: Shape, options: RandomOptions = {}): Tensor {
  return draw('randn', shape, options, (key) => normalComposite([key], { shape })[0] as Tensor);
}
/** Uniform in [low, high). */
export function uniform(
  shape: Shape,
  options: RandomOptions & { readonly low?: number; readonly high?: number } = {},
): Tensor {
  const { low = 0, high = 1 } = options;
  return library(() => add(mul(rand(shape, options), high - low), low));
}
export interface NormalOptions extends RandomOptions {
  readonly mean?: number;
  readonly std?: number;
}
export function normal(shape: Shape, options: NormalOptions = {}): Tensor {
  const { mean = 0, std = 1 } = options;
  return library(() => add(mul(randn(shape, options), std), mean));
}
/** Normal, cut off at [low, high] (in units of x): by the inverse of its distribution. */
export function truncatedNormal(
  shape: Shape,
  options: NormalOptions & { readonly low?: number; readonly high?: number } = {},
): Tensor {
  const { mean = 0, std = 1, low = mean - 2 * std, high = mean + 2 * std } = options;
  if (!(low < high) || !(std > 0)) {
    throw new ValueError(
      `truncatedNormal: expected low < high and std > 0, got ${low}, ${high}, ${std}`,
    );
  }
  const [a, b] = [low, high].map((x) => hostErf((x - mean) / (std * Math.SQRT2))) as [
    number,
    number,
  ];
  return library(() => {
    const u = add(mul(rand(shape, options), b - a), a);
    return clip(add(mul(erfInv(u), std * Math.SQRT2), mean), low, high);
  });
}
/** erf in double precision by its series (Abramowitz and Stegun, 7.1.6). */
function hostErf(x: number): number {
  const z = Math.abs(x);
  if (z > 6) return Math.sign(x);
  let term = z;
  let sum = z;
  for (let n = 1; Math.abs(term) > 1e-17 * sum; n++) {
    term *= (2 * z * z) / (2 * n + 1);
    sum += term;
  }
  return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * Math.exp(-z * z) * sum;
}

/** 1 with probability p, else 0 (f32): for a shape, or element by element for a tensor p. */
export function bernoulli(p: number | Tensor, shape?: Shape, options: RandomOptions = {}): Tensor {
  const size = shape ?? (p instanceof Tensor ? p.shape : []);
  if (typeof p === 'number' && !(p >= 0 && p <= 1)) {
    throw new ValueError(`bernoulli: p must lie in [0, 1], got ${p}`);
  }
  const backend = p instanceof Tensor ? { backend: p.backend } : {};
  return noGrad(() => library(() => cast(less(rand(size, { ...backend, ...options }), p), 'f32')));
}
/** Whole numbers in [low, high), i32. @throws ValueError for a range above 2^24 */
export function randint(
  low: number,
  high: number,
  shape: Shape,
  options: RandomOptions = {},
): Tensor {
  const range = high - low;
  if (!Number.isInteger(low) || !Number.isInteger(high) || range < 1 || range > 2 ** 24) {
    throw new ValueError(
      `randint: expected whole numbers with 1 <= high - low <= 2^24, got [${low}, ${high})`,
    );
  }
  return noGrad(() =>
    library(() => add(cast(floor(mul(rand(shape, options), range)), 'i32'), low)),
  );
}
/** 0 … n - 1 in random order, i32. */
export function permutation(n: number, options: RandomOptions = {}): Tensor {
  return draw('permutation', [n], options, (key) => argSort(randomBits(key, [n]), 0));
}
/**
 * Draws class indices (i32 […, samples]) from unnormalized log probabilities [..., classes], by the
 * Gumbel-max trick: argmax(logits - log(-log u)).
 */
export function categorical(
  logits: Tensor,
  options: RandomOptions & { readonly samples?: number } = {},
): Tensor {
  const { samples = 1 } = options;
  const classes = logits.shape[logits.rank - 1] ?? 0;
  const shape = [...logits.shape.slice(0, -1), samples, classes];
  return noGrad(() =>
    library(() => {
      const u = rand(shape, { backend: logits.backend, ...options });
      // u = 0 would give -∞: half the least step instead. Not added: 1 - 2^-24 would become 1, and
      // its +∞ would draw classes of probability 0.
      const noise = neg(log(neg(log(maximum(u, 2 ** -25)))));
      const scores = add(expandTo(unsqueeze(logits, -2), shape), noise);
      return argMax(scores, -1);
    }),
  );
}

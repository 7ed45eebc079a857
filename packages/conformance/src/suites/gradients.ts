/**
 * First and second derivatives against central differences in double precision, or where there is
 * none against a backend that has it; then special points (ties, zeros, kinks) where differences
 * say nothing and PyTorch's convention holds.
 */
import * as core from '@tenon/core';
import { type Backend, type ScalarName, type Tensor, tensor, valueAndGrad } from '@tenon/core';
import { assertNone, assertSame, worstRelative } from '../compare.ts';
import { GRADIENTS, type GradientSample, SCALAR_GRADIENTS } from '../samples/gradients.ts';
import { uniforms } from '../samples/scalars.ts';
import type { Suite, SuiteContext } from '../suite.ts';

const STEP = 1e-5;
/** Error of a central difference: about STEP² · f‴ and 2^-52 / STEP. */
const BOUND = 2e-7;

/** Σ f(x) · w for seeded weights: a scalar whose gradient shows every element. */
function weighted({ apply }: GradientSample, seed: number): (...x: Tensor[]) => Tensor {
  return (...x) => {
    const y = apply(...x);
    const next = uniforms(seed);
    const weights = Float32Array.from({ length: y.size }, () => 0.5 + next());
    return y.mul(tensor(weights, { shape: y.shape, dtype: y.dtype })).sum();
  };
}
/** A weighted sum of all first derivatives, to differentiate again. */
function slopeOf(first: ReturnType<typeof gradientsOf>): (...x: Tensor[]) => Tensor {
  return (...x) => {
    const next = uniforms(13);
    return first(...x)
      .map((g) =>
        g
          .mul(0.5 + next())
          .mul(g.add(1))
          .sum(),
      )
      .reduce((a, b) => a.add(b));
  };
}
function gradientsOf(
  f: (...x: Tensor[]) => Tensor,
  argument: readonly number[],
): (...x: Tensor[]) => readonly Tensor[] {
  const both = valueAndGrad(f, { argument });
  return (...x) => both(...x).gradients;
}

type Arrays = readonly Float64Array<ArrayBuffer>[];

function draw(sample: GradientSample): Arrays {
  const next = uniforms(sample.name.length + 100 * sample.inputs.length);
  return sample.inputs.map(({ shape, low = -2, high = 2 }) => {
    const size = shape.reduce((n, m) => n * m, 1);
    return Float64Array.from({ length: size }, () => Math.fround(low + (high - low) * next()));
  });
}
function tensorsOf(sample: GradientSample, arrays: Arrays, dtype: 'f32' | 'f64' = 'f64'): Tensor[] {
  return arrays.map((values, i) => tensor(values, { shape: sample.inputs[i]!.shape, dtype }));
}

/** ∂f/∂x by (f(x + h) - f(x - h)) / 2h for every element of every input. */
async function differences(
  sample: GradientSample,
  arrays: Arrays,
  f: (...x: Tensor[]) => Tensor,
): Promise<number[]> {
  const slopes: number[] = [];
  for (const [i, values] of arrays.entries()) {
    for (let k = 0; k < values.length; k++) {
      const at = async (shift: number): Promise<number> => {
        const moved = arrays.map((array, j) => (j === i ? array.slice() : array));
        moved[i]![k]! += shift;
        return f(...tensorsOf(sample, moved)).item();
      };
      slopes.push(((await at(STEP)) - (await at(-STEP))) / (2 * STEP));
    }
  }
  return slopes;
}

async function flat(tensors: readonly Tensor[]): Promise<number[]> {
  const arrays = await Promise.all(tensors.map((x) => x.data()));
  return arrays.flatMap((values) => [...values]);
}

/** Both orders of one sample against differences. */
async function checkGradients(sample: GradientSample): Promise<void> {
  const arrays = draw(sample);
  const argument = sample.inputs.map((_, i) => i);
  const f = weighted(sample, 7);
  const first = gradientsOf(f, argument);
  const inputs = tensorsOf(sample, arrays);
  const got = await flat(first(...inputs));
  const want = await differences(sample, arrays, f);
  assertNone(sample.name, worstRelative(got, want, BOUND, 'tensor', 1), 'relative');
  if (sample.firstOrderOnly !== undefined) return;
  const slope = slopeOf(first);
  const second = await flat(gradientsOf(slope, argument)(...inputs));
  const wantSecond = await differences(sample, arrays, slope);
  const label = `${sample.name}, second order`;
  assertNone(label, worstRelative(second, wantSecond, 10 * BOUND, 'tensor', 1), 'relative');
}

/** Roundings of f32 on the way through two derivatives of a few ops, relative to the largest. */
const F32_BOUND = 2 ** -18;

/** Both orders of one sample in f32 against those of `reference` in f64. */
async function compareGradients(
  sample: GradientSample,
  backend: Backend,
  reference: Backend,
): Promise<void> {
  const arrays = draw(sample);
  const argument = sample.inputs.map((_, i) => i);
  const first = gradientsOf(weighted(sample, 7), argument);
  const second = gradientsOf(slopeOf(first), argument);
  const run = (place: Backend, dtype: 'f32' | 'f64'): (readonly Tensor[])[] => {
    core.setDefaultBackend(place);
    const inputs = tensorsOf(sample, arrays, dtype);
    const isSecond = sample.firstOrderOnly === undefined;
    return [first(...inputs), ...(isSecond ? [second(...inputs)] : [])];
  };
  try {
    const want = await Promise.all(run(reference, 'f64').map(flat));
    const got = await Promise.all(run(backend, 'f32').map(flat));
    for (const [i, gradients] of got.entries()) {
      const difference = worstRelative(gradients, want[i]!, F32_BOUND, 'tensor', 1);
      assertNone(`${sample.name}, order ${i + 1}`, difference, 'relative');
    }
  } finally {
    core.setDefaultBackend(backend);
  }
}

async function gradientOf(f: (x: Tensor) => Tensor, x: readonly number[]): Promise<number[]> {
  return [
    ...(await core
      .grad((t: Tensor) => f(t).sum())(tensor([...x]))
      .data()),
  ];
}

function conventions({ test }: SuiteContext): void {
  const inf = Number.POSITIVE_INFINITY;
  test('ties share, kinks have slope 0, bounds of a clip have slope 1', async () => {
    assertSame('abs', await gradientOf(core.abs, [-2, 0, 3]), [-1, 0, 1]);
    assertSame('maximum', await gradientOf((x) => x.maximum(1), [0, 1, 2]), [0, 0.5, 1]);
    assertSame('minimum', await gradientOf((x) => x.minimum(1), [0, 1, 2]), [1, 0.5, 0]);
    assertSame('max', await gradientOf((x) => x.max(), [3, 1, 3]), [0.5, 0, 0.5]);
    assertSame('clip', await gradientOf((x) => x.clip(-1, 1), [-2, -1, 0, 1, 2]), [0, 1, 1, 1, 0]);
    assertSame('floor', await gradientOf((x) => core.floor(x).add(x), [1.5, 2]), [1, 1]);
  });
  test('products with zeros, powers of zero, the norm at zero', async () => {
    assertSame('prod, one zero', await gradientOf((x) => x.prod(), [2, 0, 3]), [0, 6, 0]);
    assertSame('prod, two zeros', await gradientOf((x) => x.prod(), [2, 0, 0]), [0, 0, 0]);
    assertSame('x²', await gradientOf((x) => x.pow(2), [0, -3]), [0, -6]);
    assertSame('x³', await gradientOf((x) => x.pow(3), [0, -3]), [0, 27]);
    assertSame('x⁰', await gradientOf((x) => x.pow(0), [0, 2]), [0, 0]);
    assertSame('0^x', await gradientOf((x) => core.pow(0, x), [2, 0]), [0, 0]);
    assertSame('norm', await gradientOf((x) => x.norm(), [0, 0]), [0, 0]);
    assertSame('√0', await gradientOf(core.sqrt, [0, 4]), [inf, 0.25]);
  });
  test('no gradient leaks through the branch of where that was not taken', async () => {
    const taken = tensor([true, false]);
    const [a, b] = [core.parameter([1, 2]), core.parameter([3, 4])];
    core
      .where(taken, a, b)
      .mul(tensor([Number.NaN, inf]))
      .sum()
      .backward();
    assertSame('a', await a.grad!.data(), [Number.NaN, 0]);
    assertSame('b', await b.grad!.data(), [0, inf]);
    // Two of them keep a function from being differentiated where it is not defined.
    const safe = (x: Tensor): Tensor => {
      const isIn = x.greater(0);
      return core.where(isIn, core.where(isIn, x, 1).log(), 0);
    };
    assertSame('log', await gradientOf(safe, [0, 2, -1]), [0, 0.5, 0]);
  });
  test('infinite and NaN values pass through sums untouched', async () => {
    assertSame('sum', await gradientOf((x) => x.sum(), [inf, Number.NaN]), [1, 1]);
    assertSame('logSumExp', await gradientOf((x) => x.logSumExp(), [-inf, 0]), [0, 1]);
    assertSame('erfInv', await gradientOf((x) => core.erfInv(x).mul(0), [0.5]), [0]);
  });
  test('integers and bools have no gradient', async () => {
    const x = core.parameter([1.5, 2.5]);
    const y = x.cast('i32').cast('f32').mul(x);
    y.sum().backward();
    assertSame('grad', await x.grad!.data(), [1, 2]);
  });
}

function register({ backend, reference, test }: SuiteContext, sample: GradientSample): void {
  if (reference === null || reference === backend) {
    test(sample.name, () => checkGradients(sample), { needs: ['f64'] });
  } else test(sample.name, () => compareGradients(sample, backend, reference));
}

export const gradientSuite: Suite = {
  name: 'gradients',
  define(context) {
    for (const name of Object.keys(SCALAR_GRADIENTS) as ScalarName[]) {
      const rows = SCALAR_GRADIENTS[name];
      if (typeof rows === 'string') continue;
      for (const sample of rows) register(context, sample);
    }
    for (const sample of GRADIENTS) register(context, sample);
    conventions(context);
  },
};

/**
 * Fused kernels against what they override: each sample runs on the backend and on the same
 * instance without overrides, forward and backward. Values may differ by the order of sums, NaN in
 * pooling windows may not. An override that no sample reaches fails, so that none goes unchecked.
 */
import {
  adamUpdate,
  arange,
  avgPool1d,
  avgPool2d,
  avgPool3d,
  type Backend,
  batchNorm,
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  convTranspose2d,
  crossEntropy,
  gelu,
  groupNorm,
  layerNorm,
  linear,
  logSoftmax,
  maxPool1d,
  maxPool2d,
  maxPool3d,
  type Override,
  relu,
  rmsNorm,
  scaledDotProductAttention,
  setDefaultBackend,
  silu,
  softmax,
  type Tensor,
  tensor,
  type Variable,
  variable,
  vjp,
} from '@tenon/core';
import { expect } from 'vitest';
import { assertNone, assertShape, worstRelative } from '../compare.ts';
import { hasOverrides, withoutOverrides } from '../decomposed.ts';
import type { Suite, SuiteContext } from '../suite.ts';
import { seeded } from '../support.ts';
import { epsilon } from '../tolerances.ts';

type Shape = readonly number[];
type Float = 'f32' | 'f64';
interface Sample {
  readonly name: string;
  readonly shapes: readonly Shape[];
  /** Differentiated in all its inputs, with a seeded cotangent. */
  readonly fn: (...xs: Tensor[]) => Tensor;
}

const two = (fn: (x: Tensor, w: Tensor) => Tensor): Sample['fn'] => {
  return (...[x, w]) => fn(x as Tensor, w as Tensor);
};
const one = (fn: (x: Tensor) => Tensor): Sample['fn'] => {
  return (...[x]) => fn(x as Tensor);
};

const CONVOLUTIONS: readonly Sample[] = [
  {
    name: 'conv1d, stride and dilation',
    shapes: [
      [2, 3, 19],
      [4, 3, 4],
    ],
    fn: two((x, w) => conv1d(x, w, { stride: 2, padding: 3, dilation: 2 })),
  },
  {
    name: 'conv2d, 3x3',
    shapes: [
      [3, 5, 9, 7],
      [6, 5, 3, 3],
    ],
    fn: two((x, w) => conv2d(x, w, { padding: 1 })),
  },
  {
    name: 'conv2d, no padding, even kernel',
    shapes: [
      [2, 3, 8, 9],
      [5, 3, 2, 4],
    ],
    fn: two((x, w) => conv2d(x, w)),
  },
  {
    name: 'conv2d, stride, over a block of terms',
    shapes: [
      [2, 40, 9, 8],
      [9, 40, 3, 3],
    ],
    fn: two((x, w) => conv2d(x, w, { stride: [2, 3], padding: [1, 0] })),
  },
  {
    name: 'conv2d, 1x1',
    shapes: [
      [2, 6, 5, 5],
      [7, 6, 1, 1],
    ],
    fn: two((x, w) => conv2d(x, w)),
  },
  {
    name: 'conv2d, groups and dilation',
    shapes: [
      [2, 6, 9, 9],
      [8, 3, 3, 3],
    ],
    fn: two((x, w) => conv2d(x, w, { groups: 2, dilation: 2, padding: 2 })),
  },
  {
    name: 'conv2d, depthwise',
    shapes: [
      [2, 4, 8, 7],
      [8, 1, 3, 3],
    ],
    fn: two((x, w) => conv2d(x, w, { groups: 4, padding: 1 })),
  },
  {
    name: 'conv2d, one output, of views',
    shapes: [
      [6, 7, 3, 2],
      [3, 3, 3, 1],
    ],
    fn: two((x, w) => conv2d(x.permute([3, 2, 0, 1]), w.permute([3, 2, 1, 0]), { padding: 1 })),
  },
  {
    name: 'conv3d',
    shapes: [
      [1, 2, 5, 6, 4],
      [3, 2, 2, 3, 2],
    ],
    fn: two((x, w) => conv3d(x, w, { stride: [1, 2, 1], padding: 1 })),
  },
  {
    name: 'convTranspose1d',
    shapes: [
      [2, 4, 7],
      [4, 3, 5],
    ],
    fn: two((x, w) => convTranspose1d(x, w, { padding: 1 })),
  },
  {
    name: 'convTranspose2d, stride and groups',
    shapes: [
      [2, 4, 5, 4],
      [4, 3, 3, 3],
    ],
    fn: two((x, w) =>
      convTranspose2d(x, w, { stride: 2, padding: 1, outputPadding: 1, groups: 2 }),
    ),
  },
];

const POOLINGS: readonly Sample[] = [
  {
    name: 'maxPool1d',
    shapes: [[2, 3, 17]],
    fn: one((x) => maxPool1d(x, 4, { stride: 3, padding: 2 })),
  },
  { name: 'maxPool2d, 2x2', shapes: [[3, 4, 9, 6]], fn: one((x) => maxPool2d(x, 2)) },
  {
    name: 'maxPool2d, overlapping, of a view',
    shapes: [[9, 8, 3, 2]],
    fn: one((x) => maxPool2d(x.permute([3, 2, 0, 1]), 3, { stride: 2, padding: 1 })),
  },
  {
    name: 'maxPool2d, dilation and ceil',
    shapes: [[2, 3, 10, 9]],
    fn: one((x) => maxPool2d(x, [2, 3], { dilation: 2, stride: 2, ceilMode: true })),
  },
  { name: 'maxPool2d, large', shapes: [[2, 2, 10, 10]], fn: one((x) => maxPool2d(x, 5)) },
  {
    name: 'maxPool3d',
    shapes: [[1, 2, 5, 6, 7]],
    fn: one((x) => maxPool3d(x, 2, { stride: [1, 2, 3] })),
  },
  { name: 'avgPool1d', shapes: [[2, 3, 17]], fn: one((x) => avgPool1d(x, 4, { stride: 3 })) },
  { name: 'avgPool2d, 2x2', shapes: [[2, 3, 8, 6]], fn: one((x) => avgPool2d(x, 2)) },
  {
    name: 'avgPool2d, overlapping, padding not counted',
    shapes: [[2, 3, 9, 8]],
    fn: one((x) => avgPool2d(x, 3, { stride: 2, padding: 1, countIncludePad: false })),
  },
  {
    name: 'avgPool3d',
    shapes: [[1, 2, 5, 6, 7]],
    fn: one((x) => avgPool3d(x, [2, 3, 2], { stride: [1, 2, 3], padding: [0, 1, 1] })),
  },
];

const OTHERS: readonly Sample[] = [
  {
    name: 'linear',
    shapes: [
      [5, 7],
      [6, 7],
    ],
    fn: two((x, w) => linear(x, w)),
  },
  {
    name: 'linear with a bias, of a view',
    shapes: [[9, 5], [6, 9], [6]],
    fn: (...xs) => {
      const [x, w, bias] = xs as [Tensor, Tensor, Tensor];
      return linear(x.transpose(0, 1), w, bias);
    },
  },
  { name: 'relu', shapes: [[5, 7]], fn: one(relu) },
  { name: 'silu', shapes: [[5, 7]], fn: one(silu) },
  { name: 'gelu', shapes: [[5, 7]], fn: one((x) => gelu(x)) },
  { name: 'softmax', shapes: [[5, 7, 3]], fn: one((x) => softmax(x, 1)) },
  { name: 'logSoftmax', shapes: [[5, 7]], fn: one((x) => logSoftmax(x, -1)) },
  {
    name: 'crossEntropy',
    shapes: [[5, 7]],
    fn: one((x) => crossEntropy(x, tensor([1, 6, 0, 3, 3], { dtype: 'i32', backend: x.backend }))),
  },
  {
    name: 'layerNorm',
    shapes: [[5, 7], [7]],
    fn: two((x, weight) => layerNorm(x, 7, { weight, bias: weight.neg() })),
  },
  { name: 'rmsNorm', shapes: [[5, 7], [7]], fn: two((x, weight) => rmsNorm(x, 7, { weight })) },
  {
    name: 'groupNorm',
    shapes: [[2, 6, 4], [6]],
    fn: two((x, weight) => groupNorm(x, 2, { weight, bias: weight.neg() })),
  },
  {
    name: 'batchNorm',
    shapes: [[4, 3, 5], [3]],
    fn: two((x, weight) => {
      const state = (value: number): ReturnType<typeof variable> =>
        variable([value, value, value], { dtype: x.dtype as Float, backend: x.backend });
      const running = { runningMean: state(0), runningVar: state(1) };
      return batchNorm(x, { ...running, weight, bias: weight.neg(), training: true });
    }),
  },
  {
    name: 'attention',
    shapes: [
      [2, 2, 5, 4],
      [2, 2, 5, 4],
    ],
    fn: two((q, k) => scaledDotProductAttention(q, k, k.neg(), { causal: true })),
  },
  {
    name: 'attention, many keys of other sizes, an additive mask',
    shapes: [
      [2, 70, 12],
      [2, 90, 12],
      [2, 90, 5],
      [70, 90],
    ],
    fn: (...xs) => {
      const [q, k, v, mask] = xs as [Tensor, Tensor, Tensor, Tensor];
      return scaledDotProductAttention(q, k, v, { mask });
    },
  },
  {
    // Beyond what a backend may still do by products of matrices.
    name: 'attention, long',
    shapes: [
      [1, 2, 1500, 4],
      [1, 2, 1500, 4],
    ],
    fn: two((q, k) => scaledDotProductAttention(q, k, k.neg(), { causal: true })),
  },
  {
    name: 'attention, a bool mask and causal, of views',
    shapes: [
      [33, 2, 8],
      [33, 2, 8],
    ],
    fn: two((q, k) => {
      const keys = k.transpose(0, 1);
      const mask = arange(33, { backend: q.backend }).less(30).expand([33, 33]);
      return scaledDotProductAttention(q.transpose(0, 1), keys, keys, { mask, causal: true });
    }),
  },
];

/** Composites that write variables: what those hold after three updates. */
interface UpdateSample {
  readonly name: string;
  readonly run: () => readonly Tensor[];
}
function adamSample(name: string, amsgrad: boolean, decayed: boolean): UpdateSample {
  const run = (): readonly Tensor[] => {
    const list = [[5, 7], [3], [130], [2, 3, 4], [1], [16, 16]].map((shape, i) => {
      const size = shape.reduce((n, m) => n * m, 1);
      const of = (seed: number, low = -1): Variable =>
        variable(seeded(size, seed + 10 * i, low, 1), { shape });
      return {
        parameter: of(1),
        gradient: tensor(seeded(size, 2 + 10 * i), { shape }),
        first: of(3),
        second: of(4, 0),
        largest: amsgrad ? of(5, 0) : null,
        stepSize: tensor(0.01),
        root: tensor(0.5),
        decay: decayed ? tensor(0.02) : null,
      };
    });
    const settings = { betas: [0.9, 0.99], eps: 1e-6, weightDecay: decayed ? 0 : 0.1 } as const;
    const [{ stepSize, root, decay }] = list as [(typeof list)[0]];
    const shared = list.map((each) => ({ ...each, stepSize, root, decay }));
    for (let step = 0; step < 3; step++) adamUpdate(shared, settings);
    return list.flatMap(({ parameter, first, second, largest }) =>
      largest === null ? [parameter, first, second] : [parameter, first, second, largest],
    );
  };
  return { name, run };
}
const UPDATES: readonly UpdateSample[] = [
  adamSample('Adam for several parameters', false, false),
  adamSample('Adam with decoupled decay and the largest moment', true, true),
];

/** Sums in another order, relative to the largest magnitude of the tensor, in epsilons. */
const TOLERANCE = 16;

/** Views of one instance: its overrides, with a note of those that served; and none. */
interface Pair {
  readonly fused: Backend;
  readonly plain: Backend;
  readonly served: Set<string>;
}
function pairOf(backend: Backend): Pair {
  const served = new Set<string>();
  const overrides: Record<string, Override> = {};
  for (const [name, override] of Object.entries(backend.overrides ?? {})) {
    overrides[name] = {
      epilogue: override.epilogue,
      ...(override.isInPlace === undefined ? {} : { isInPlace: override.isInPlace }),
      supports: (inputs, attrs) => override.supports(inputs, attrs),
      prepare: (spec) => override.prepare(spec),
      words: (inputs, attrs) => {
        served.add(name);
        return override.words(inputs, attrs);
      },
    };
  }
  const plain = withoutOverrides(backend);
  return { fused: { ...plain, name: backend.name, overrides }, plain, served };
}

/** The result and all gradients of a sample on one backend. */
function results(sample: Sample, backend: Backend, dtype: Float, nan: boolean): Tensor[] {
  setDefaultBackend(backend);
  const inputs = sample.shapes.map((shape, i) => {
    const data = seeded(
      shape.reduce((n, size) => n * size, 1),
      i + 1,
    );
    if (nan) for (let k = 5; k < data.length; k += 11) data[k] = Number.NaN;
    return tensor(data, { shape, dtype });
  });
  const { value, pullback } = vjp(sample.fn, ...inputs);
  const cotangent = tensor(seeded(value.size, 9), { shape: value.shape, dtype });
  return [value, ...[pullback(cotangent)].flat()];
}

async function compare(sample: Sample, pair: Pair, dtype: Float, nan = false): Promise<void> {
  const run = (backend: Backend): Tensor[] => results(sample, backend, dtype, nan);
  const names = ['the result', ...sample.shapes.map((_, i) => `the gradient of input ${i}`)];
  await compareRuns(pair, names, run, TOLERANCE * epsilon(dtype));
}

async function compareUpdates({ run }: UpdateSample, pair: Pair): Promise<void> {
  const on = (backend: Backend): readonly Tensor[] => {
    setDefaultBackend(backend);
    return run();
  };
  await compareRuns(pair, [], on, TOLERANCE * epsilon('f32'));
}

async function compareRuns(
  pair: Pair,
  names: readonly string[],
  run: (backend: Backend) => readonly Tensor[],
  bound: number,
): Promise<void> {
  try {
    const [got, want] = [run(pair.fused), run(pair.plain)];
    const elements = (list: readonly Tensor[]) => Promise.all(list.map((x) => x.data()));
    const [left, right] = await Promise.all([elements(got), elements(want)]);
    for (const [i, expected] of want.entries()) {
      const what = names[i] ?? `variable ${i}`;
      const found = got[i] as Tensor;
      assertShape(what, found.shape, expected.shape);
      const difference = worstRelative(left[i]!, right[i]!, bound, 'tensor');
      assertNone(what, difference, 'of the largest element');
    }
  } finally {
    setDefaultBackend(null);
  }
}

function define({ backend, test }: SuiteContext): void {
  const pair = pairOf(backend);
  const restore = (run: () => Promise<void>) => async (): Promise<void> => {
    try {
      await run();
    } finally {
      setDefaultBackend(backend);
    }
  };
  for (const sample of [...CONVOLUTIONS, ...POOLINGS, ...OTHERS]) {
    test(
      sample.name,
      restore(() => compare(sample, pair, 'f32')),
    );
    test(
      `${sample.name}, f64`,
      restore(() => compare(sample, pair, 'f64')),
      { needs: ['f64'] },
    );
  }
  for (const sample of POOLINGS) {
    test(
      `${sample.name}, with NaN`,
      restore(() => compare(sample, pair, 'f32', true)),
    );
  }
  for (const sample of UPDATES) {
    test(
      sample.name,
      restore(() => compareUpdates(sample, pair)),
    );
  }
  test('every override is reached by a sample', () => {
    const names = Object.keys(backend.overrides ?? {});
    expect(names.filter((name) => !pair.served.has(name))).toEqual([]);
  });
}

export const overrideSuite: Suite = {
  name: 'overrides',
  define(context) {
    if (hasOverrides(context)) define(context);
    else context.test('there are none', () => expect(context.backend.overrides ?? {}).toEqual({}));
  },
};

/**
 * Composites beyond PyTorch's samples: that each is one launch where one loop nest suffices, what
 * happens at kinks, ties and empty rows, random masks, optimizer steps, and the texts of errors.
 */
import {
  adamStep,
  arange,
  avgPool2d,
  batchNorm,
  conv2d,
  conv3d,
  convTranspose2d,
  crossEntropy,
  DTypeError,
  dropout,
  embedding,
  fullLike,
  Generator,
  gelu,
  hardTanh,
  layerNorm,
  linear,
  logSoftmax,
  maxPool2d,
  mseLoss,
  noGrad,
  type Parameter,
  parameter,
  relu,
  rmsNorm,
  ShapeError,
  scaledDotProductAttention,
  sgdStep,
  silu,
  softmax,
  type Tensor,
  tensor,
  ValueError,
  variable,
  zeros,
} from '@tenon/core';
import { expect } from 'vitest';
import { assertNone, assertSame, assertShape, worstRelative } from '../compare.ts';
import { decomposed, hasOverrides } from '../decomposed.ts';
import type { Suite, SuiteContext } from '../suite.ts';
import { expectError, seeded } from '../support.ts';

type Shape = readonly number[];
function sizeOf(shape: Shape): number {
  return shape.reduce((n, m) => n * m, 1);
}
function filled(shape: Shape, seed: number): Tensor {
  return tensor(seeded(sizeOf(shape), seed), { shape });
}
function trained(shape: Shape, seed: number): Parameter {
  return parameter(filled(shape, seed));
}

/** Launches of the forward pass, of the backward pass, and of the forward pass without gradient. */
function launchesOf(inputs: readonly Parameter[], fn: () => Tensor): [number, number, number] {
  const { runtime } = inputs[0] as Parameter;
  const count = (run: () => unknown): number => {
    const before = runtime.launches;
    run();
    return runtime.launches - before;
  };
  let y: Tensor | null = null;
  const forward = count(() => {
    y = fn();
  });
  const output = y as Tensor | null;
  if (output === null) throw new Error('no output');
  const gradient = filled(output.shape, 3);
  const backward = count(() => output.backward({ gradient }));
  return [forward, backward, count(() => noGrad(fn))];
}

function launches({ test, capabilities }: SuiteContext): void {
  const expectLaunches = (
    name: string,
    expected: readonly [forward: number, backward: number, inference: number],
    make: () => [readonly Parameter[], () => Tensor],
  ): void => {
    test(`${name}: ${expected.join(' + ')} launches`, () => {
      const [inputs, fn] = make();
      expect(launchesOf(inputs, fn)).toEqual(expected);
    });
  };
  const unary = {
    relu,
    silu,
    softmax,
    logSoftmax,
    gelu: (x: Tensor) => gelu(x),
    rowNorm: (x: Tensor) => layerNorm(x, 6),
  };
  for (const [name, fn] of Object.entries(unary)) {
    expectLaunches(name, [1, 1, 1], () => {
      const x = trained([4, 6], 1);
      return [[x], () => fn(x)];
    });
  }
  expectLaunches('softmax over a middle axis', [1, 1, 1], () => {
    const x = trained([3, 4, 5], 1);
    return [[x], () => softmax(x, 1)];
  });
  expectLaunches('layerNorm with weight and bias', [1, 2, 1], () => {
    const [x, weight, bias] = [trained([4, 6], 1), trained([6], 2), trained([6], 3)];
    return [[x, weight, bias], () => layerNorm(x, 6, { weight, bias })];
  });
  expectLaunches('rmsNorm with weight', [1, 2, 1], () => {
    const [x, weight] = [trained([4, 6], 1), trained([6], 2)];
    return [[x, weight], () => rmsNorm(x, 6, { weight })];
  });
  expectLaunches('crossEntropy per row', [1, 1, 1], () => {
    const x = trained([4, 6], 1);
    const labels = tensor(Int32Array.from([0, 5, 2, 2]));
    return [[x], () => crossEntropy(x, labels, { reduction: 'none' })];
  });
  expectLaunches('crossEntropy, its mean', [2, 2, 2], () => {
    const x = trained([4, 6], 1);
    const labels = tensor(Int32Array.from([0, 5, 2, 2]));
    return [[x], () => crossEntropy(x, labels)];
  });
  expectLaunches('mseLoss', [1, 1, 1], () => {
    const [x, target] = [trained([4, 6], 1), filled([4, 6], 2)];
    return [[x], () => mseLoss(x, target)];
  });
  expectLaunches('maxPool2d', [1, 1, 1], () => {
    const x = trained([2, 3, 4, 4], 1);
    return [[x], () => maxPool2d(x, 2)];
  });
  expectLaunches('avgPool2d', [1, 1, 1], () => {
    const x = trained([2, 3, 4, 4], 1);
    return [[x], () => avgPool2d(x, 2)];
  });
  expectLaunches('batchNorm in training', [1, 1, 1], () => {
    const [x, weight, bias] = [trained([4, 3, 5], 1), trained([3], 2), trained([3], 3)];
    return [[x, weight, bias], () => batchNorm(x, { weight, bias, training: true })];
  });
  expectLaunches('dropout (one more for its key)', [2, 1, 2], () => {
    const x = trained([4, 6], 1);
    return [[x], () => dropout(x, 0.5)];
  });
  // An Adam step has six operands and three results, two of them scalars that are buffers as well.
  if (capabilities.maxBuffers < 9) return;
  test('adamStep and sgdStep: one launch each', () => {
    const [p, g, m] = [filled([4, 6], 1), filled([4, 6], 2), filled([4, 6], 3)];
    const [stepSize, root] = [tensor(0.1), tensor(0.5)];
    const { runtime } = p;
    const before = runtime.launches;
    const settings = { betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.01 } as const;
    const state = { first: m, second: m.abs(), largest: null, decay: null };
    const made = runtime.launches - before;
    adamStep({ parameter: p, gradient: g, ...state, stepSize, root }, settings);
    expect(runtime.launches - before - made).toBe(1);
    const sgd = { momentum: 0.9, weightDecay: 0.01, nesterov: true };
    sgdStep({ parameter: p, gradient: g, rate: stepSize, buffer: m, share: null }, sgd);
    expect(runtime.launches - before - made).toBe(2);
  });
}

/** y[n, o, w] by definition, in double precision. Axes beyond two have size 1. */
function convReference(
  x: Tensor,
  w: Tensor,
  xs: ArrayLike<number>,
  ws: ArrayLike<number>,
  o: ConvSample,
): number[] {
  const [n, c, height, width] = x.shape as [number, number, number, number];
  const [outputs, inner, kh, kw] = w.shape as [number, number, number, number];
  const { stride, padding, dilation, groups } = o;
  const oh = Math.floor((height + 2 * padding[0] - dilation[0] * (kh - 1) - 1) / stride[0]) + 1;
  const ow = Math.floor((width + 2 * padding[1] - dilation[1] * (kw - 1) - 1) / stride[1]) + 1;
  const y: number[] = [];
  for (let b = 0; b < n; b++) {
    for (let k = 0; k < outputs; k++) {
      const first = Math.floor(k / (outputs / groups)) * inner;
      for (let i = 0; i < oh; i++) {
        for (let j = 0; j < ow; j++) {
          let sum = 0;
          for (let d = 0; d < inner * kh * kw; d++) {
            const [channel, p, q] = [Math.floor(d / (kh * kw)), Math.floor(d / kw) % kh, d % kw];
            const row = i * stride[0] + p * dilation[0] - padding[0];
            const column = j * stride[1] + q * dilation[1] - padding[1];
            if (row < 0 || column < 0 || row >= height || column >= width) continue;
            const at = ((b * c + first + channel) * height + row) * width + column;
            sum += (xs[at] as number) * (ws[k * inner * kh * kw + d] as number);
          }
          y.push(sum);
        }
      }
    }
  }
  return y;
}
interface ConvSample {
  readonly x: Shape;
  readonly w: Shape;
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly groups: number;
}
const plain = { stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 } as const;
const CONVOLUTIONS: readonly ConvSample[] = [
  { ...plain, x: [3, 5, 9, 11], w: [7, 5, 3, 3], padding: [1, 1] },
  {
    ...plain,
    x: [2, 6, 8, 13],
    w: [4, 3, 5, 2],
    stride: [2, 3],
    dilation: [1, 4],
    groups: 2,
    padding: [2, 0],
  },
  { ...plain, x: [2, 8, 12, 12], w: [8, 1, 3, 3], groups: 8, padding: [1, 1] },
  { ...plain, x: [4, 16, 7, 7], w: [8, 16, 1, 1], stride: [2, 2] },
  { ...plain, x: [1, 1, 1, 1], w: [1, 1, 3, 3], padding: [1, 1] },
];

function convolution({ test }: SuiteContext): void {
  for (const sample of CONVOLUTIONS) {
    const { x: xShape, w: wShape, ...options } = sample;
    test(`conv2d [${xShape}] by [${wShape}] against its definition`, async () => {
      const [x, w] = [filled(xShape, 1), filled(wShape, 2)];
      const y = conv2d(x, w, options);
      const want = convReference(x, w, await x.data(), await w.data(), sample);
      assertNone('conv2d', worstRelative(await y.data(), want, 1e-6, 'tensor'), 'relative');
      // The transpose: <conv(x), g> = <x, convTranspose(g)> for every g.
      const g = filled(y.shape, 3);
      const { stride, padding, dilation, groups } = options;
      const sizes = [2, 3].map((axis, i) => {
        const covered =
          ((y.shape[axis] ?? 0) - 1) * (stride[i] ?? 1) +
          (dilation[i] ?? 1) * ((wShape[axis] ?? 1) - 1);
        return (xShape[axis] ?? 0) + 2 * (padding[i] ?? 0) - covered - 1;
      });
      const back = convTranspose2d(g, w, {
        stride,
        padding,
        dilation,
        groups,
        outputPadding: sizes,
      });
      assertShape('convTranspose2d', back.shape, xShape);
      const [left, right] = [await y.mul(g).sum().item(), await x.mul(back).sum().item()];
      expect(Math.abs(left - right)).toBeLessThan(1e-4 * Math.max(1, Math.abs(left)));
    });
  }
  test('conv3d over depth alone is a weighted sum of slices', async () => {
    const x = filled([1, 1, 3, 2, 2], 1);
    const y = conv3d(x, tensor([[[[[2]], [[-1]]]]]));
    const [a, b] = [x.narrow(2, 0, 2), x.narrow(2, 1, 2)];
    assertSame('y', await y.data(), await a.mul(2).sub(b).data());
  });
}

function kinks({ test }: SuiteContext): void {
  test('relu has slope 0 at 0, keeps NaN, and lets a gradient through at NaN', async () => {
    const x = parameter(tensor([-1, 0, -0, 2, Number.NaN, Number.NEGATIVE_INFINITY]));
    const y = relu(x);
    assertSame('y', await y.data(), [0, 0, 0, 2, Number.NaN, 0]);
    y.backward({ gradient: fullLike(y, 3) });
    assertSame('gradient', await (x.grad as Tensor).data(), [0, 0, 0, 3, 3, 0]);
  });
  test('settings that JSON cannot tell apart make different kernels', async () => {
    const x = tensor([-2, 2]);
    assertSame('up', await hardTanh(x, 0, Number.POSITIVE_INFINITY).data(), [0, 2]);
    assertSame('down', await hardTanh(x, Number.NEGATIVE_INFINITY, 0).data(), [-2, 0]);
    assertSame('all', await hardTanh(x, Number.NEGATIVE_INFINITY, Infinity).data(), [-2, 2]);
  });
  test('the gradient of a maximum goes to the first of several', async () => {
    for (const kernel of [2, 5]) {
      const x = parameter(zeros([1, 1, kernel, kernel]));
      maxPool2d(x, kernel).sum().backward();
      const want = new Array<number>(kernel * kernel).fill(0);
      want[0] = 1;
      assertSame(`kernel ${kernel}`, await (x.grad as Tensor).data(), want);
    }
  });
  test('padding of a maximum is -∞, and NaN wins', async () => {
    const x = tensor([-5, -7, Number.NaN, -1], { shape: [1, 1, 4, 1] });
    const y = maxPool2d(x, [2, 1], { stride: 1, padding: [1, 0] });
    assertSame('y', await y.data(), [-5, -5, Number.NaN, Number.NaN, -1]);
    const all = Number.NEGATIVE_INFINITY;
    const low = maxPool2d(fullLike(x, all), [2, 1], { padding: [1, 0] });
    assertSame('low', await low.data(), [all, all, all]);
  });
  test('crossEntropy of a label that is no class is NaN, of an ignored one 0', async () => {
    const x = parameter(filled([3, 4], 1));
    const labels = tensor(Int32Array.from([4, -100, 1]));
    const rows = await crossEntropy(x, labels, { reduction: 'none' }).data();
    expect([Number.isNaN(rows[0] as number), rows[1], (rows[2] as number) > 0]).toEqual([
      true,
      0,
      true,
    ]);
  });
  test('crossEntropy of a certain answer is 0, beside an impossible class finite', async () => {
    const x = tensor([[0, Number.NEGATIVE_INFINITY, -1e30]]);
    expect(await crossEntropy(x, tensor(Int32Array.from([0]))).item()).toBe(0);
  });
  test('a query whose keys are all masked attends to nothing', async () => {
    const q = filled([2, 3], 1);
    const mask = tensor([
      [true, false],
      [false, false],
    ]);
    const y = scaledDotProductAttention(q, q, tensor([[1], [2]]), { mask });
    assertSame('y', await y.data(), [1, 0]);
  });
  test('a bool mask, an additive mask and causal attention agree', async () => {
    const [q, k, v] = [filled([2, 3, 4], 1), filled([2, 3, 4], 2), filled([2, 3, 5], 3)];
    const lower = tensor([
      [true, false, false],
      [true, true, false],
      [true, true, true],
    ]);
    const causal = await scaledDotProductAttention(q, k, v, { causal: true }).data();
    const additive = tensor([0, -Infinity, -Infinity, 0, 0, -Infinity, 0, 0, 0], { shape: [3, 3] });
    assertSame('bool', await scaledDotProductAttention(q, k, v, { mask: lower }).data(), causal);
    assertSame(
      'float',
      await scaledDotProductAttention(q, k, v, { mask: additive }).data(),
      causal,
    );
  });
  test('embedding: rows, a padding row without gradient', async () => {
    const weight = parameter(arange(6, { dtype: 'f32' }).reshape([3, 2]));
    const y = embedding(weight, tensor(Int32Array.from([2, 0, 2])), { paddingIndex: 0 });
    assertSame('y', await y.data(), [4, 5, 0, 1, 4, 5]);
    y.sum().backward();
    assertSame('gradient', await (weight.grad as Tensor).data(), [0, 0, 0, 0, 2, 2]);
  });
}

function random({ test }: SuiteContext): void {
  test('dropout drops a share p, scales the rest, and its gradient has the same mask', async () => {
    const x = parameter(fullLike(zeros([100, 100]), 3));
    const y = dropout(x, 0.25, { generator: new Generator(7) });
    const values = await y.data();
    const kept = values.filter((value) => value !== 0);
    expect(new Set(kept)).toEqual(new Set([4]));
    // Five standard deviations of a binomial of 10,000.
    expect(Math.abs(kept.length - 7500)).toBeLessThan(5 * Math.sqrt(10_000 * 0.25 * 0.75));
    y.backward({ gradient: fullLike(y, 3) });
    assertSame('gradient', await (x.grad as Tensor).data(), values);
  });
  test('dropout: equal seeds agree, later calls differ, evaluation and p = 1', async () => {
    const x = fullLike(zeros([64]), 1);
    const draw = (generator: Generator): Promise<ArrayLike<number>> =>
      dropout(x, 0.5, { generator }).data();
    const generator = new Generator(3);
    const [first, second] = [await draw(generator), await draw(generator)];
    assertSame('same seed', await draw(new Generator(3)), first);
    expect([...Array.from(first)]).not.toEqual([...Array.from(second)]);
    expect(dropout(x, 0.5, { training: false })).toBe(x);
    assertSame('p = 1', await dropout(x, 1).data(), new Array(64).fill(0));
  });
}

function state({ test }: SuiteContext): void {
  test('batchNorm moves running statistics on in training only', async () => {
    const x = filled([5, 2, 3], 1);
    const runningMean = variable(tensor([1, -1]));
    const runningVar = variable(tensor([2, 3]));
    batchNorm(x, { runningMean, runningVar, training: true, momentum: 0.25 });
    const channels = x.transpose(0, 1).reshape([2, 15]);
    const mean = tensor([1, -1]).mul(0.75).add(channels.mean(1).mul(0.25));
    const variance = tensor([2, 3]).mul(0.75).add(channels.variance(1).mul(0.25));
    const close = async (what: string, got: Tensor, want: Tensor): Promise<void> =>
      assertNone(what, worstRelative(await got.data(), await want.data(), 1e-6), 'relative');
    await close('mean', runningMean, mean);
    await close('variance', runningVar, variance);
    const before = await runningMean.data();
    const y = batchNorm(x, { runningMean, runningVar });
    assertSame('evaluation leaves them', await runningMean.data(), before);
    const shape = [1, 2, 1];
    const root = runningVar.add(1e-5).sqrt().reshape(shape);
    await close('y', y, x.sub(runningMean.reshape(shape)).div(root));
  });
  test('adamStep follows its formulas', async () => {
    const given = [
      seeded(5, 1),
      seeded(5, 2),
      seeded(5, 3),
      seeded(5, 4, 0, 1),
      seeded(5, 5, 0, 1),
    ];
    const [p, g, m, v, most] = given as [
      Float32Array,
      Float32Array,
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    const [stepSize, root, decay] = [0.1, 0.4, 0.02];
    const next = adamStep(
      {
        parameter: tensor(p),
        gradient: tensor(g),
        first: tensor(m),
        second: tensor(v),
        largest: tensor(most),
        stepSize: tensor(stepSize),
        root: tensor(root),
        decay: tensor(decay),
      },
      { betas: [0.8, 0.9], eps: 1e-3, weightDecay: 5 },
    );
    const first = [...m].map((x, i) => 0.8 * x + 0.2 * (g[i] as number));
    const second = [...v].map((x, i) => 0.9 * x + 0.1 * (g[i] as number) ** 2);
    const largest = second.map((x, i) => Math.max(x, most[i] as number));
    const parameters = [...p].map((x, i) => {
      const denominator = Math.sqrt(largest[i] as number) / root + 1e-3;
      return x - decay * x - (stepSize * (first[i] as number)) / denominator;
    });
    const pairs: [string, Tensor | null, number[]][] = [
      ['first', next.first, first],
      ['second', next.second, second],
      ['largest', next.largest, largest],
      ['parameter', next.parameter, parameters],
    ];
    for (const [what, got, want] of pairs) {
      assertNone(
        what,
        worstRelative(await (got as Tensor).data(), want, 1e-6, 'tensor'),
        'relative',
      );
    }
  });
  test('sgdStep follows its formulas', async () => {
    const [p, g, b] = [seeded(5, 1), seeded(5, 2), seeded(5, 3)];
    const inputs = { parameter: tensor(p), gradient: tensor(g), rate: tensor(0.1) };
    const settings = { momentum: 0.9, weightDecay: 0.01, nesterov: true };
    const next = sgdStep({ ...inputs, buffer: tensor(b), share: tensor(0.5) }, settings);
    const gradient = [...g].map((x, i) => x + 0.01 * (p[i] as number));
    const buffer = gradient.map((x, i) => 0.9 * (b[i] as number) + 0.5 * x);
    const want = [...p].map(
      (x, i) => x - 0.1 * ((gradient[i] as number) + 0.9 * (buffer[i] as number)),
    );
    assertNone('p', worstRelative(await next.parameter.data(), want, 1e-6, 'tensor'), 'relative');
    assertNone(
      'b',
      worstRelative(await (next.buffer as Tensor).data(), buffer, 1e-6, 'tensor'),
      'relative',
    );
  });
}

function errors({ test }: SuiteContext): void {
  const cases: [
    name: string,
    fn: () => unknown,
    type: typeof ShapeError | typeof DTypeError,
    text: string,
  ][] = [
    [
      'conv2d by a weight of other channels',
      () => conv2d(zeros([1, 3, 8, 8]), zeros([4, 2, 3, 3])),
      ShapeError,
      'conv2d: weight must be [O, 3, H, W] for input [1, 3, 8, 8] with groups 1, got [4, 2, 3, 3]',
    ],
    [
      'conv2d by a kernel that is too large',
      () => conv2d(zeros([1, 3, 2, 8]), zeros([4, 3, 3, 3])),
      ShapeError,
      'conv2d: the kernel of [4, 3, 3, 3] is larger than the padded input [2, 8] of ' +
        '[1, 3, 2, 8] (dilation [1, 1])',
    ],
    [
      'maxPool2d of a window that is too large',
      () => maxPool2d(zeros([1, 3, 2, 8]), 3),
      ShapeError,
      'maxPool2d: a window of [3, 3] spans 3 on spatial axis 0, the padded input has only 2 ' +
        '(input [2, 8], padding [0, 0])',
    ],
    [
      'crossEntropy with float labels',
      () => crossEntropy(zeros([2, 3]), zeros([2])),
      DTypeError,
      "crossEntropy: expected labels i32 [2], got f32 [2] (use labels.cast('i32'))",
    ],
    [
      'crossEntropy with labels of another shape',
      () => crossEntropy(zeros([2, 3]), zeros([3], { dtype: 'i32' })),
      ShapeError,
      'crossEntropy: expected labels [2] for input [2, 3], got [3]',
    ],
    [
      'mseLoss of two shapes',
      () => mseLoss(zeros([2, 1]), zeros([2])),
      ShapeError,
      'mseLoss: input and target must have one shape, got [2, 1] and [2] (use reshape or expand)',
    ],
    [
      'linear of inner sizes that differ',
      () => linear(zeros([2, 3]), zeros([4, 5])),
      ShapeError,
      'linear: expected x [..., in] and weight [out, in], got [2, 3] and [4, 5]',
    ],
    [
      'layerNorm over other axes',
      () => layerNorm(zeros([2, 3]), [4]),
      ShapeError,
      'layerNorm: the input must end in [4], got [2, 3]',
    ],
    [
      'batchNorm of one value for each channel',
      () => batchNorm(zeros([1, 3]), { training: true }),
      ShapeError,
      'batchNorm: training needs more than one value for each channel, got [1, 3]',
    ],
    [
      'dropout with a probability above 1',
      () => dropout(zeros([2]), 1.5),
      ValueError,
      'dropout: p must lie in [0, 1], got 1.5',
    ],
    [
      'embedding by floats',
      () => embedding(zeros([3, 2]), zeros([2])),
      DTypeError,
      "embedding: indices must be i32, got f32 (use indices.cast('i32'))",
    ],
  ];
  for (const [name, fn, type, text] of cases) test(name, () => expectError(fn, type, text));
}

function all(context: SuiteContext): void {
  launches(context);
  convolution(context);
  kinks(context);
  random(context);
  state(context);
}

export const compositeSuite: Suite = {
  name: 'composites',
  define(context) {
    all(context);
    if (hasOverrides(context)) all(decomposed(context));
    errors(context);
  },
};

import {
  AxisError,
  arange,
  ones,
  randn,
  ShapeError,
  setDefaultBackend,
  setSeed,
  type Tensor,
  tensor,
  ValueError,
  zeros,
} from '@tenon/core';
import { cpuJs } from '@tenon/cpu-js';
import { describe, expect, it } from 'vitest';
import { type Layer, Module } from '../module.ts';
import { expectClose, golden } from '../testing/golden.ts';
import * as plain from './activations.ts';
import * as parametric from './activations-with-options.ts';
import { BatchNorm1d, BatchNorm2d, BatchNorm3d } from './batch-norm.ts';
import { Conv1d, Conv2d, Conv3d } from './conv.ts';
import { Dropout } from './dropout.ts';
import { Embedding } from './embedding.ts';
import { Linear } from './linear.ts';
import { GroupNorm, LayerNorm, RMSNorm } from './norm.ts';
import {
  AdaptiveAvgPool1d,
  AdaptiveAvgPool2d,
  AdaptiveAvgPool3d,
  AdaptiveMaxPool1d,
  AdaptiveMaxPool2d,
  AdaptiveMaxPool3d,
  AvgPool1d,
  AvgPool2d,
  AvgPool3d,
  MaxPool1d,
  MaxPool2d,
  MaxPool3d,
} from './pool.ts';
import { Sequential } from './sequential.ts';
import { Flatten, Identity, Unflatten } from './shape.ts';

setDefaultBackend(cpuJs());

function set(layer: Linear | Conv1d | Conv2d | Conv3d, weight: number[], bias?: number[]): void {
  layer.weight.assign(tensor(weight).reshape(layer.weight.shape));
  if (bias !== undefined) layer.bias?.assign(tensor(bias));
}

describe('Linear', () => {
  it('is x·Wᵀ + b', () => {
    const layer = new Linear(2, 3);
    set(layer, [1, 2, 3, 4, 5, 6], [10, 20, 30]);
    expect(
      layer
        .forward(
          tensor([
            [1, 1],
            [0, 2],
          ]),
        )
        .toArraySync(),
    ).toEqual([
      [13, 27, 41],
      [14, 28, 42],
    ]);
    expect(layer.forward(zeros([2, 5, 2])).shape).toEqual([2, 5, 3]);
    expect(new Linear(2, 3, { bias: false }).bias).toBe(null);
  });

  it('refuses sizes that are no counts', () => {
    expect(() => new Linear(0, 3)).toThrow(
      new ValueError('Linear: inFeatures: expected a positive integer, got 0'),
    );
  });
});

describe('convolutions', () => {
  it('refuse padding of another name', () => {
    expect(() => new Conv2d(1, 1, 3, { padding: 'full' as never })).toThrow(
      new ValueError("Conv2d: padding: expected sizes, 'same' or 'valid', got 'full'"),
    );
  });

  it('pass stride, padding, dilation, groups and bias on', () => {
    const conv = new Conv1d(2, 2, 2, { stride: 2, padding: 1, groups: 2 });
    set(conv, [1, 2, 3, 4], [0, 100]);
    // by hand: padded channels [0 1 2 3 0] and [0 4 5 6 0], windows at 0 and 2
    expect(
      conv
        .forward(
          tensor([
            [
              [1, 2, 3],
              [4, 5, 6],
            ],
          ]),
        )
        .toArraySync(),
    ).toEqual([
      [
        [2, 8],
        [116, 139],
      ],
    ]);
    const dilated = new Conv1d(1, 1, 2, { dilation: 2, bias: false });
    set(dilated, [1, 10]);
    expect(dilated.forward(tensor([[[1, 2, 3, 4]]])).toArraySync()).toEqual([[[31, 42]]]);
  });

  it('give the shapes of their formula', () => {
    expect(
      new Conv2d(3, 4, [3, 1], { padding: 'same' }).forward(zeros([2, 3, 5, 6])).shape,
    ).toEqual([2, 4, 5, 6]);
    expect(new Conv2d(3, 4, 3, { padding: 'valid' }).forward(zeros([2, 3, 5, 6])).shape).toEqual([
      2, 4, 3, 4,
    ]);
    expect(
      new Conv3d(1, 2, 2, { stride: [1, 2, 1] }).forward(zeros([1, 1, 3, 4, 5])).shape,
    ).toEqual([1, 2, 2, 2, 4]);
  });

  it('refuse settings without meaning', () => {
    expect(() => new Conv2d(3, 4, 3, { groups: 2 })).toThrow(
      'Conv2d: groups: expected a divisor of 3 and 4 channels, got 2',
    );
    expect(() => new Conv2d(3, 4, [3])).toThrow(
      'Conv2d: kernelSize: expected 2 integers of at least 1 or one for all, got [3]',
    );
    expect(() => new Conv2d(3, 4, 3, { padding: 'same', stride: 2 })).toThrow(
      "Conv2d: padding 'same': expected stride 1, got [2, 2]",
    );
    expect(() => new Conv1d(3, 4, 3, { padding: -1 })).toThrow(
      'Conv1d: padding: expected 1 integers of at least 0 or one for all, got -1',
    );
  });
});

describe('pooling', () => {
  it('gives the values and shapes of its windows', () => {
    const line = tensor([[[1, 5, 2, 4, 3]]]);
    expect(new MaxPool1d(2).forward(line).toArraySync()).toEqual([[[5, 4]]]);
    expect(new MaxPool1d(2, { ceilMode: true }).forward(line).toArraySync()).toEqual([[[5, 4, 3]]]);
    expect(new MaxPool1d(2, { dilation: 2, stride: 1 }).forward(line).toArraySync()).toEqual([
      [[2, 5, 3]],
    ]);
    expect(new AvgPool1d(2, { padding: 1 }).forward(line).toArraySync()).toEqual([
      [[0.5, 3.5, 3.5]],
    ]);
    expect(
      new AvgPool1d(2, { padding: 1, countIncludePad: false }).forward(line).toArraySync(),
    ).toEqual([[[1, 3.5, 3.5]]]);
    expect(new AdaptiveAvgPool1d(2).forward(tensor([[[1, 2, 3, 4]]])).toArraySync()).toEqual([
      [[1.5, 3.5]],
    ]);
    expect(new AdaptiveMaxPool1d(2).forward(line).toArraySync()).toEqual([[[5, 4]]]);
    const square = arange(16, { dtype: 'f32' }).reshape([1, 1, 4, 4]);
    expect(new MaxPool2d(2).forward(square).toArraySync()).toEqual([
      [
        [
          [5, 7],
          [13, 15],
        ],
      ],
    ]);
    expect(new AvgPool2d([2, 4]).forward(square).toArraySync()).toEqual([[[[3.5], [11.5]]]]);
    expect(new AdaptiveAvgPool2d(1).forward(square).toArraySync()).toEqual([[[[7.5]]]]);
    expect(new AdaptiveMaxPool2d([1, 2]).forward(square).toArraySync()).toEqual([[[[13, 15]]]]);
    const cube = arange(8, { dtype: 'f32' }).reshape([1, 1, 2, 2, 2]);
    expect(new MaxPool3d(2).forward(cube).toArraySync()).toEqual([[[[[7]]]]]);
    expect(new AvgPool3d(2).forward(cube).toArraySync()).toEqual([[[[[3.5]]]]]);
    expect(new AdaptiveAvgPool3d(1).forward(cube).toArraySync()).toEqual([[[[[3.5]]]]]);
    expect(new AdaptiveMaxPool3d(1).forward(cube).toArraySync()).toEqual([[[[[7]]]]]);
  });
});

describe('shape layers', () => {
  it('flatten, unflatten, identity', () => {
    const x = arange(24, { dtype: 'f32' }).reshape([2, 3, 4]);
    expect(new Flatten().forward(x).shape).toEqual([2, 12]);
    expect(new Flatten(0, 1).forward(x).shape).toEqual([6, 4]);
    expect(new Unflatten(-1, [2, -1]).forward(x).shape).toEqual([2, 3, 2, 2]);
    expect(new Identity().forward(x)).toBe(x);
    expect(() => new Unflatten(2, [3, -1]).forward(x)).toThrow(ShapeError);
    expect(() => new Unflatten(3, [1]).forward(x)).toThrow(AxisError);
  });
});

describe('Dropout', () => {
  it('zeroes a share p and scales the rest, in training only', () => {
    setSeed(1);
    const layer = new Dropout(0.25);
    const values = layer.forward(ones([10000])).dataSync();
    const kept = values.filter((x) => x !== 0);
    expect(new Set(kept)).toEqual(new Set([Math.fround(1 / 0.75)]));
    // 7,500 expected, standard deviation 43
    expect(Math.abs(kept.length - 7500)).toBeLessThan(220);
    layer.eval();
    const x = ones([3]);
    expect(layer.forward(x).dataSync()).toEqual(Float32Array.of(1, 1, 1));
    expect(() => new Dropout(1.5)).toThrow('Dropout: p: expected a probability in [0, 1], got 1.5');
  });
});

describe('batch norms follow PyTorch', () => {
  const KINDS = { BatchNorm1d, BatchNorm2d, BatchNorm3d } as const;
  const NAMES: Record<string, string> = { track_running_stats: 'trackRunningStats' };
  for (const run of golden.batchNorm) {
    it(`${run.kind} [${run.shape}] ${JSON.stringify(run.options)}`, async () => {
      const options = Object.entries(run.options).map(([k, v]) => [NAMES[k] ?? k, v]);
      const layer = new KINDS[run.kind as keyof typeof KINDS](3, Object.fromEntries(options));
      if (run.weight !== null) layer.weight?.assign(tensor(run.weight));
      if (run.bias !== null) layer.bias?.assign(tensor(run.bias));
      const inputs = run.inputs.map((values) =>
        tensor(new Float32Array(values), { shape: run.shape }),
      );
      for (const [i, x] of inputs.entries()) expectClose(layer.forward(x), run.outputs[i] ?? []);
      layer.eval();
      expectClose(layer.forward(inputs[0] as Tensor), run.evaluated);
      const state = await layer.stateDict();
      expect([...state.keys()]).toEqual(Object.keys(run.state));
      for (const [name, values] of Object.entries(run.state)) {
        expectClose(Array.from(state.get(name)?.data ?? [], Number), values);
      }
    });
  }

  it('refuse other ranks and channels', () => {
    expect(() => new BatchNorm2d(3).forward(zeros([2, 3]))).toThrow(
      'BatchNorm2d: expected 3 channels in axis 1 of 4 axes, got [2, 3]',
    );
    expect(() => new BatchNorm1d(3).forward(zeros([2, 4]))).toThrow(
      'BatchNorm1d: expected 3 channels in axis 1 of 2 or 3 axes, got [2, 4]',
    );
  });
});

describe('norms without statistics', () => {
  it('layer norm, group norm and RMS norm by their formulas', () => {
    const x = tensor([[1, 2, 3, 6]]);
    const layer = new LayerNorm(4, { eps: 0.5 });
    layer.weight?.assign(tensor([1, 1, 2, 1]));
    layer.bias?.assign(tensor([0, 1, 0, 0]));
    // mean 3, variance 3.5, + eps 0.5: divide by 2
    expectClose(layer.forward(x), [-1, 0.5, 0, 1.5]);
    expectClose(new GroupNorm(2, 4, { eps: 0.75, affine: false }).forward(x), [
      -0.5,
      0.5,
      -1.5 / Math.sqrt(3),
      1.5 / Math.sqrt(3),
    ]);
    // mean square 12.5
    expectClose(new RMSNorm(4, { eps: 3.5 }).forward(x), [0.25, 0.5, 0.75, 1.5]);
    expect(new LayerNorm([2, 3], { bias: false }).bias).toBe(null);
    expect(() => new GroupNorm(3, 4)).toThrow(
      'GroupNorm: groups: expected a divisor of 4 channels, got 3',
    );
    expect(() => new LayerNorm([])).toThrow(
      'LayerNorm: normalizedShape: expected at least one axis, got []',
    );
  });
});

describe('Embedding', () => {
  it('looks rows up', () => {
    const layer = new Embedding(3, 2);
    layer.weight.assign(
      tensor([
        [1, 2],
        [3, 4],
        [5, 6],
      ]),
    );
    const rows = layer.forward(tensor([[2, 0]], { dtype: 'i32' }));
    expect(rows.toArraySync()).toEqual([
      [
        [5, 6],
        [1, 2],
      ],
    ]);
    rows.sum().backward();
    expect(layer.weight.grad?.toArraySync()).toEqual([
      [1, 1],
      [0, 0],
      [1, 1],
    ]);
  });
});

describe('activations', () => {
  const x = [-2, -0.25, 0, 0.75, 4];
  const sigmoid = (v: number): number => 1 / (1 + Math.exp(-v));
  const softplus = (v: number): number => Math.log1p(Math.exp(v));
  const clamp = (v: number, low: number, high: number): number => Math.min(Math.max(v, low), high);
  const cases: [Layer, (v: number) => number][] = [
    [new plain.ReLU(), (v) => Math.max(v, 0)],
    [new plain.ReLU6(), (v) => clamp(v, 0, 6)],
    [new plain.Sigmoid(), sigmoid],
    [new plain.LogSigmoid(), (v) => Math.log(sigmoid(v))],
    [
      new plain.SELU(),
      (v) => 1.0507009873554805 * (v > 0 ? v : 1.6732632423543772 * Math.expm1(v)),
    ],
    [new plain.SiLU(), (v) => v * sigmoid(v)],
    [new plain.Mish(), (v) => v * Math.tanh(softplus(v))],
    [new plain.Softsign(), (v) => v / (1 + Math.abs(v))],
    [new plain.Hardsigmoid(), (v) => clamp(v + 3, 0, 6) / 6],
    [new plain.Hardswish(), (v) => (v * clamp(v + 3, 0, 6)) / 6],
    [new plain.Tanhshrink(), (v) => v - Math.tanh(v)],
    [new plain.Tanh(), Math.tanh],
    [new parametric.LeakyReLU(0.2), (v) => (v > 0 ? v : 0.2 * v)],
    [new parametric.ELU(2), (v) => (v > 0 ? v : 2 * Math.expm1(v))],
    [new parametric.CELU(2), (v) => (v > 0 ? v : 2 * Math.expm1(v / 2))],
    [new parametric.Softshrink(0.3), (v) => (v > 0.3 ? v - 0.3 : v < -0.3 ? v + 0.3 : 0)],
    [new parametric.Hardshrink(0.3), (v) => (Math.abs(v) > 0.3 ? v : 0)],
    [
      new parametric.GELU('tanh'),
      (v) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3))),
    ],
    [new parametric.Softplus(2), (v) => softplus(2 * v) / 2],
    [new parametric.Hardtanh(-1, 2), (v) => clamp(v, -1, 2)],
    [new parametric.Threshold(0.5, 7), (v) => (v > 0.5 ? v : 7)],
    [new parametric.PReLU(1, 0.1), (v) => (v > 0 ? v : 0.1 * v)],
  ];
  for (const [layer, f] of cases) {
    it(String(layer), () => {
      expectClose(layer.forward(tensor([x])), x.map(f));
    });
  }

  it('over an axis', () => {
    const e = x.map((v) => Math.exp(v));
    const sum = e.reduce((a, b) => a + b);
    expectClose(
      new parametric.Softmax().forward(tensor([x])),
      e.map((v) => v / sum),
    );
    expectClose(
      new parametric.LogSoftmax(1).forward(tensor([x])),
      e.map((v) => Math.log(v / sum)),
    );
    const f = x.map((v) => Math.exp(-v));
    const other = f.reduce((a, b) => a + b);
    expectClose(
      new parametric.Softmin(0).forward(tensor(x)),
      f.map((v) => v / other),
    );
    expectClose(new parametric.GLU(0).forward(tensor([2, 3, 0, 1])), [1, 3 * sigmoid(1)]);
    // exact GELU against tabulated values of Φ
    expectClose(new parametric.GELU().forward(tensor([1, -2])), [
      0.8413447460685429,
      -2 * 0.0227501319481792,
    ]);
  });
});

describe('Sequential', () => {
  it('indexes, appends and iterates', () => {
    const layers = [new Identity(), new Flatten(), new Dropout()];
    const model = new Sequential(layers.slice(0, 2)).append(layers[2] as Layer);
    expect([...model]).toEqual(layers);
    expect(model.length).toBe(3);
    expect(model.at(-1)).toBe(layers[2]);
    expect(() => model.at(3)).toThrow('Sequential: at: expected an index within 3 layers, got 3');
    expect(new Sequential().forward(ones([2])).dataSync()).toEqual(Float32Array.of(1, 1));
  });

  it('refuses what are no layers, or not in an array', () => {
    expect(() => new Sequential(new Linear(2, 2) as never)).toThrow(
      new ValueError('Sequential: expected one array of layers: new Sequential([a, b])'),
    );
    const relu = (x: Tensor): Tensor => x.relu();
    expect(() => new Sequential([new Identity(), relu as never])).toThrow(
      'Sequential: expected layers, got a function at position 1',
    );
  });

  it('trains the same with user layers among its own', () => {
    const seen: Tensor[] = [];
    class Spy extends Module {
      override forward(x: Tensor): Tensor {
        seen.push(x);
        return x;
      }
    }
    const gradient = (...extra: Layer[]): unknown => {
      setSeed(4);
      const model = new Sequential([
        new Linear(3, 4),
        new plain.ReLU(),
        ...extra,
        new Linear(4, 2),
      ]);
      const x = randn([5, 3]);
      model.forward(x).square().sum().backward();
      return model.parameters().map((p) => p.grad?.dataSync());
    };
    expect(gradient(new Spy())).toEqual(gradient());
    // what a user's layer saw stays readable
    expect(seen[0]?.dataSync().length).toBe(20);
  });

  it('keeps what a replaced forward saw readable', () => {
    const model = new Sequential([new Linear(3, 4), new plain.ReLU()]);
    const relu = model.at(1);
    const original = relu.forward;
    let seen: Tensor | null = null;
    relu.forward = (x: Tensor): Tensor => {
      seen = x;
      return original(x);
    };
    model.forward(ones([1, 3]));
    expect((seen as Tensor | null)?.dataSync().length).toBe(4);
  });
});

import {
  type Backend,
  DeviceError,
  type Parameter,
  parameter,
  ShapeError,
  StateDictError,
  setDefaultBackend,
  setSeed,
  TenonError,
  type Tensor,
  tensor,
  type Variable,
  variable,
  zeros,
} from '@tenon/core';
import { cpuJs } from '@tenon/cpu-js';
import { describe, expect, it } from 'vitest';
import { ReLU } from './layers/activations.ts';
import { PReLU } from './layers/activations-with-options.ts';
import { BatchNorm1d, BatchNorm2d } from './layers/batch-norm.ts';
import { Conv1d, Conv2d, Conv3d } from './layers/conv.ts';
import { Dropout } from './layers/dropout.ts';
import { Embedding } from './layers/embedding.ts';
import { Linear } from './layers/linear.ts';
import { GroupNorm, LayerNorm } from './layers/norm.ts';
import { Sequential } from './layers/sequential.ts';
import { type Layer, Module } from './module.ts';
import { Adam } from './optimizers/adam.ts';
import type { StateDict } from './state-dict.ts';
import { golden } from './testing/golden.ts';

setDefaultBackend(cpuJs());

/** The same model as `Tied` of golden/make.py. */
class Tied extends Module {
  scale: Parameter = parameter([1, 1, 1, 1]);
  counts: Variable = variable([0, 0]);
  embed: Embedding = new Embedding(5, 4);
  norm: LayerNorm = new LayerNorm(4);
  blocks: Layer[] = [new Linear(4, 4), new Sequential([new Conv1d(4, 2, 3), new BatchNorm1d(2)])];
  head: Linear = new Linear(4, 5, { bias: false });

  constructor() {
    super();
    this.head.weight = this.embed.weight;
  }

  override forward(x: Tensor): Tensor {
    return this.head.forward(this.embed.forward(x));
  }
}

/** Entries as PyTorch describes them. */
function described(dict: StateDict): [string, number[], string][] {
  const names: Record<string, string> = { f32: 'float32', i64: 'int64' };
  return [...dict].map(([name, { shape, dtype }]) => [name, [...shape], names[dtype] ?? dtype]);
}

describe('names', () => {
  it('of layers are PyTorch’s', async () => {
    const layers: Record<string, Module> = {
      Linear: new Linear(3, 2),
      Conv1d: new Conv1d(4, 6, 3, { groups: 2 }),
      Conv2d: new Conv2d(4, 6, [3, 2]),
      Conv3d: new Conv3d(1, 2, 2, { bias: false }),
      BatchNorm2d: new BatchNorm2d(3),
      LayerNorm: new LayerNorm([3, 2]),
      GroupNorm: new GroupNorm(2, 4),
      Embedding: new Embedding(5, 3),
      PReLU: new PReLU(3),
    };
    for (const [kind, entries] of Object.entries(golden.names.layers)) {
      const layer = layers[kind];
      if (layer === undefined) throw new Error(`no ${kind}`);
      expect(described(await layer.stateDict()), kind).toEqual(entries);
    }
  });

  it('of a nested model with a tied weight are PyTorch’s', async () => {
    const model = new Tied();
    const { state, parameters, buffers, modules } = golden.names.tied;
    expect(described(await model.stateDict())).toEqual(state);
    expect(model.namedParameters().map(([name]) => name)).toEqual(parameters);
    expect(model.namedBuffers().map(([name]) => name)).toEqual(buffers);
    // PyTorch's ModuleList is a module of its own, an array is none.
    expect(model.namedModules().map(([name]) => name)).toEqual(
      modules.filter((m) => m !== 'blocks'),
    );
    expect(new Set(model.parameters()).size).toBe(parameters.length);
  });

  it('a module that holds its own ancestor is no endless loop', async () => {
    class Node extends Module {
      parent: Module | null = null;
      weight: Parameter = parameter([1]);
      override forward(): void {}
    }
    const [parent, child] = [new Node(), new Node()];
    const root = Object.assign(parent, { child });
    child.parent = root;
    expect(root.namedParameters().map(([name]) => name)).toEqual(['weight', 'child.weight']);
    expect([...(await root.stateDict()).keys()]).toEqual(['weight', 'child.weight']);
  });

  it('children and apply visit each module once, children first', () => {
    const shared = new Linear(2, 2);
    const model = new Sequential([shared, new ReLU(), shared]);
    expect(model.namedChildren().map(([name]) => name)).toEqual(['0', '1']);
    const visited: string[] = [];
    model.apply((module) => visited.push(module.constructor.name));
    expect(visited).toEqual(['ReLU', 'Linear', 'Sequential']);
  });
});

describe('modes', () => {
  it('train and eval reach all modules', () => {
    const model = new Sequential([new Sequential([new Dropout()]), new ReLU()]);
    const modes = (): boolean[] => model.namedModules().map(([, module]) => module.training);
    expect(modes()).toEqual([true, true, true, true]);
    expect(model.eval()).toBe(model);
    expect(modes()).toEqual([false, false, false, false]);
    model.train();
    expect(modes()).toEqual([true, true, true, true]);
  });

  it('frozen parameters get no gradient', () => {
    const model = new Linear(2, 1);
    model.freeze();
    expect(model.parameters().map((p) => p.requiresGrad)).toEqual([false, false]);
    expect(model.forward(zeros([1, 2])).requiresGrad).toBe(false);
    model.unfreeze();
    model
      .forward(zeros([1, 2]))
      .sum()
      .backward();
    expect(model.bias?.grad?.dataSync()).toEqual(Float32Array.of(1));
  });
});

describe('state dicts', () => {
  it('are maps, and nothing else is taken for one', () => {
    expect(() => new Linear(2, 2).loadStateDict({ weight: 1 } as never)).toThrow(
      new StateDictError(
        'loadStateDict: expected a Map of names to tensors, as stateDict() and readSafetensors ' +
          'give',
      ),
    );
  });

  const dictOf = (entries: Record<string, number[]>): StateDict =>
    new Map(
      Object.entries(entries).map(([name, values]) => [
        name,
        { dtype: 'f32', shape: [values.length], data: Float32Array.from(values) },
      ]),
    );

  it('go from one model to another', async () => {
    setSeed(1);
    const first = new Tied();
    const second = new Tied();
    expect(second.embed.weight.dataSync()).not.toEqual(first.embed.weight.dataSync());
    expect(second.loadStateDict(await first.stateDict())).toEqual({ missing: [], unexpected: [] });
    expect(await second.stateDict()).toEqual(await first.stateDict());
    expect(second.head.weight).toBe(second.embed.weight);
  });

  it('lists all that does not fit, and changes nothing', () => {
    const layer = new Linear(2, 2);
    const before = layer.weight.dataSync();
    const dict = dictOf({ bias: [5, 5], gamma: [1], beta: [1] });
    expect(() => layer.loadStateDict(dict)).toThrow(
      new StateDictError(
        'loadStateDict: the state dict does not fit Linear, nothing was changed:\n' +
          '  missing: weight\n  unexpected: gamma, beta',
      ),
    );
    dict.set('weight', { dtype: 'f32', shape: [4], data: new Float32Array(4) });
    expect(() => layer.loadStateDict(dict, { strict: false })).toThrow(
      'nothing was changed:\n  shape of weight: expected [2, 2], got [4]',
    );
    expect(layer.weight.dataSync()).toEqual(before);
    expect(layer.bias?.dataSync()).not.toEqual(Float32Array.of(5, 5));
  });

  it('not strict, takes what is there', () => {
    const layer = new Linear(2, 2);
    const report = layer.loadStateDict(dictOf({ bias: [5, 5], gamma: [1] }), { strict: false });
    expect(report).toEqual({ missing: ['weight'], unexpected: ['gamma'] });
    expect(layer.bias?.dataSync()).toEqual(Float32Array.of(5, 5));
  });

  it('converts f64, f16, bf16 to f32 and i64 to i32', () => {
    const layer = new Linear(3, 1);
    layer.loadStateDict(
      new Map([
        // 1, −2^-24 (the least subnormal), −65504 (the largest)
        ['weight', { dtype: 'f16', shape: [1, 3], data: Uint16Array.of(0x3c00, 0x8001, 0xfbff) }],
        ['bias', { dtype: 'f64', shape: [1], data: Float64Array.of(0.1) }],
      ]),
    );
    expect(layer.weight.dataSync()).toEqual(Float32Array.of(1, -(2 ** -24), -65504));
    expect(layer.bias?.dataSync()).toEqual(Float32Array.of(Math.fround(0.1)));
    layer.loadStateDict(
      new Map([
        ['weight', { dtype: 'bf16', shape: [1, 3], data: Uint16Array.of(0x3f80, 0xff80, 0x7fc0) }],
        ['bias', { dtype: 'f16', shape: [1], data: Uint16Array.of(0x7c00) }],
      ]),
    );
    expect(layer.weight.dataSync()).toEqual(Float32Array.of(1, -Infinity, Number.NaN));
    expect(layer.bias?.dataSync()).toEqual(Float32Array.of(Infinity));
    const norm = new BatchNorm1d(1, { affine: false });
    const dict = dictOf({ running_mean: [1], running_var: [2] });
    dict.set('num_batches_tracked', { dtype: 'i64', shape: [], data: BigInt64Array.of(7n) });
    norm.loadStateDict(dict);
    expect(norm.numBatchesTracked?.itemSync()).toBe(7);
  });

  it('refuses values that do not fit the dtype', () => {
    const layer = new Linear(1, 1);
    const dict = dictOf({ weight: [1], bias: [1] });
    const bad = (
      name: string,
      entry: StateDict extends Map<string, infer T> ? T : never,
    ): StateDict =>
      new Map([
        ...dict,
        ['weight', { dtype: 'f32', shape: [1, 1], data: Float32Array.of(1) }],
        [name, entry],
      ]);
    const cases: [string, StateDict, string][] = [
      [
        'f64',
        bad('bias', { dtype: 'f64', shape: [1], data: Float64Array.of(1e300) }),
        'bias: value 1e+300 at element 0 is outside the range of f32',
      ],
      [
        'i64',
        bad('bias', { dtype: 'i64', shape: [1], data: BigInt64Array.of(1n) }),
        'bias: expected a float dtype for f32, got i64',
      ],
    ];
    for (const [, given, message] of cases)
      expect(() => layer.loadStateDict(given)).toThrow(message);
    const norm = new BatchNorm1d(1, { affine: false });
    const counts = dictOf({ running_mean: [1], running_var: [2] });
    counts.set('num_batches_tracked', {
      dtype: 'i64',
      shape: [],
      data: BigInt64Array.of(2n ** 31n),
    });
    expect(() => norm.loadStateDict(counts)).toThrow(
      'num_batches_tracked: value 2147483648 at element 0 is outside the range of i32',
    );
    counts.set('num_batches_tracked', { dtype: 'f32', shape: [], data: Float32Array.of(1) });
    expect(() => norm.loadStateDict(counts)).toThrow(
      'num_batches_tracked: expected an integer dtype for i32, got f32',
    );
  });
});

describe('errors in forward', () => {
  it('name the layer by its path and keep their class', () => {
    const model = new Sequential([new Linear(4, 3), new ReLU(), new Linear(5, 2)]);
    const act = (): Tensor => model.forward(zeros([1, 4]));
    expect(act).toThrow(ShapeError);
    expect(act).toThrow(/^Sequential\.2 \(Linear\): /);
    const error = caught(act);
    expect(error.stack?.match(/Sequential\.2 \(Linear\): /g)).toHaveLength(1);
  });

  it('name nested layers, and a layer called alone', () => {
    class Net extends Module {
      blocks: Layer[] = [new Sequential([new Linear(4, 3)])];
      override forward(x: Tensor): Tensor {
        return this.blocks.reduce((value, block) => block.forward(value), x);
      }
    }
    expect(() => new Net().forward(zeros([1, 5]))).toThrow(/^Net\.blocks\.0\.0 \(Linear\): /);
    expect(() => new Linear(4, 3).forward(zeros([1, 5]))).toThrow(/^Linear: /);
  });

  it('name the model itself where its own code threw, once', () => {
    class Net extends Module {
      override forward(): Tensor {
        throw new TenonError('mine');
      }
    }
    const net = new Net();
    expect(caught(() => net.forward()).message).toBe('Net: mine');
    class Outer extends Module {
      inner: Net = net;
      override forward(): Tensor {
        return this.inner.forward();
      }
    }
    expect(caught(() => new Outer().forward()).message).toBe('Outer.inner (Net): mine');
  });

  it('leave other errors alone, and nothing behind', () => {
    class Net extends Module {
      inner: Linear = new Linear(2, 2);
      override forward(x: Tensor): Tensor {
        try {
          return this.inner.forward(x);
        } catch {
          throw new RangeError('mine');
        }
      }
    }
    const net = new Net();
    expect(() => net.forward(zeros([1, 3]))).toThrow(new RangeError('mine'));
    expect(() => net.inner.forward(zeros([1, 3]))).toThrow(/^Linear: (?!Linear)/);
  });
});

function caught(fn: () => unknown): Error {
  try {
    fn();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('nothing was thrown');
}

describe('to another backend', () => {
  it('moves in place, with ties, and trains on there', async () => {
    setSeed(2);
    const other = cpuJs();
    const model = new Tied();
    const before = await model.stateDict();
    const weight = model.embed.weight;
    const view = weight.detach();
    const values = view.dataSync();
    const optimizer = new Adam(model.parameters());
    const step = (backend: Backend): void => {
      model
        .forward(tensor([1, 2], { dtype: 'i32', backend }))
        .square()
        .sum()
        .backward();
      optimizer.step();
    };
    expect(await model.to(other)).toBe(model);
    expect(
      [...model.namedParameters(), ...model.namedBuffers()].every(([, v]) => v.backend === other),
    ).toBe(true);
    expect(model.head.weight).toBe(weight);
    expect(await model.stateDict()).toEqual(before);
    expect(view.dataSync()).toEqual(values);
    step(other);
    expect(weight.dataSync()).not.toEqual(values);
    const home = cpuJs();
    await model.to(home);
    expect(weight.grad === null).toBe(true);
    expect(() => step(home)).toThrow(DeviceError);
    optimizer.loadStateDict(await optimizer.stateDict());
    step(home);
    expect((await optimizer.stateDict()).tensors.get('1.step')?.data[0]).toBe(2);
  });
});

describe('arrays', () => {
  it('of parameters are named by their index', () => {
    class Net extends Module {
      scales: Parameter[] = [parameter([1]), parameter([2])];
      sizes: number[] = [1, 2];
      held: Tensor = tensor([1]);
      override forward(): void {}
    }
    expect(new Net().namedParameters().map(([name]) => name)).toEqual(['scales.0', 'scales.1']);
    expect(new Net().namedBuffers()).toEqual([]);
  });
});

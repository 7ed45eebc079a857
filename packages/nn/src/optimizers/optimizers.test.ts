import {
  parameter,
  StateDictError,
  setDefaultBackend,
  tensor,
  ValueError,
  variable,
} from '@tenon/core';
import { cpuJs } from '@tenon/cpu-js';
import { describe, expect, it } from 'vitest';
import { expectClose, golden } from '../testing/golden.ts';
import { Adam, type AdamOptions, AdamW } from './adam.ts';
import { clipGradNorm, clipGradValue } from './clip.ts';
import { SGD } from './sgd.ts';

setDefaultBackend(cpuJs());

const KINDS = { SGD, Adam, AdamW } as const;
const NAMES: Record<string, string> = { lr: 'learningRate', weight_decay: 'weightDecay' };

function camelCase(options: Record<string, unknown>): object {
  return Object.fromEntries(Object.entries(options).map(([k, v]) => [NAMES[k] ?? k, v]));
}

function startParameters() {
  const { shapes, start } = golden.optimizers;
  return start.map((values, i) => parameter(new Float32Array(values), { shape: shapes[i] ?? [] }));
}

describe('optimizers follow PyTorch', () => {
  for (const run of golden.optimizers.runs) {
    it(`${run.name} ${JSON.stringify(run.options)}`, () => {
      const parameters = startParameters();
      const Kind = KINDS[run.name as keyof typeof KINDS];
      const optimizer = new Kind(parameters, camelCase(run.options));
      for (const [step, gradients] of golden.optimizers.gradients.entries()) {
        for (const [i, values] of gradients.entries()) {
          const p = parameters[i];
          if (p === undefined) throw new Error('no parameter');
          p.grad = values === null ? null : tensor(new Float32Array(values), { shape: p.shape });
        }
        optimizer.step();
        for (const [i, p] of parameters.entries()) expectClose(p, run.values[step]?.[i] ?? []);
      }
    });
  }
});

describe('optimizer state', () => {
  it('has 1 - beta^t within a few ulp, also far into training', async () => {
    const p = parameter([0]);
    const optimizer = new Adam([p], { learningRate: 1, eps: 0, betas: [0, 0.999] });
    // With m = g and v = (1 - β₂ᵗ) g², every step is exactly −learningRate.
    for (let t = 1; t <= 50; t++) {
      p.grad = tensor([2]);
      optimizer.step();
    }
    expectClose(p, [-50], 1e-6);
    const { tensors } = await optimizer.stateDict();
    expect(tensors.get('0.step')?.data[0]).toBe(50);
  });

  it('continues from a saved state as if nothing had happened', async () => {
    const gradients = golden.optimizers.gradients;
    const settings: Partial<AdamOptions> = { learningRate: 0.01, amsgrad: true };
    const run = (
      optimizer: Adam,
      parameters: ReturnType<typeof startParameters>,
      from: number,
      to: number,
    ) => {
      for (let step = from; step < to; step++) {
        for (const [i, p] of parameters.entries()) {
          const values = gradients[step]?.[i];
          p.grad = values ? tensor(new Float32Array(values), { shape: p.shape }) : null;
        }
        optimizer.step();
      }
    };
    const first = startParameters();
    const optimizer = new Adam(first, settings);
    run(optimizer, first, 0, 8);
    const state = await optimizer.stateDict();
    const second = first.map((p) => parameter(p.dataSync(), { shape: p.shape }));
    const resumed = new Adam(second, { learningRate: 5 });
    resumed.loadStateDict(state);
    expect(resumed.learningRate).toBe(0.01);
    run(optimizer, first, 8, 20);
    run(resumed, second, 8, 20);
    for (const [i, p] of first.entries()) expect(second[i]?.dataSync()).toEqual(p.dataSync());
    const { tensors } = await optimizer.stateDict();
    expect([...tensors.keys()]).toEqual([
      '0.step',
      '0.exp_avg',
      '0.exp_avg_sq',
      '0.max_exp_avg_sq',
      '1.step',
      '1.exp_avg',
      '1.exp_avg_sq',
      '1.max_exp_avg_sq',
    ]);
    expect([tensors.get('0.step')?.data[0], tensors.get('1.step')?.data[0]]).toEqual([20, 19]);
  });

  it('changes nothing when a state does not fit', async () => {
    const p = parameter([1, 2]);
    const optimizer = new Adam([p]);
    const q = parameter([1, 2, 3]);
    const other = new Adam([q]);
    q.grad = tensor([1, 1, 1]);
    other.step();
    const state = await other.stateDict();
    expect(() => optimizer.loadStateDict(state)).toThrow(
      new StateDictError(
        'Adam: loadStateDict: the state does not fit, nothing was changed:\n' +
          '  shape of 0.exp_avg: expected [2], got [3]\n  shape of 0.exp_avg_sq: ' +
          'expected [2], got [3]',
      ),
    );
    expect((await optimizer.stateDict()).tensors.size).toBe(0);
    expect(() => new Adam([p, q]).loadStateDict(state)).toThrow(
      'Adam: loadStateDict: expected groups of 2 parameters, got 1',
    );
  });
});

describe('cost', () => {
  it('one launch a parameter, and eight or nine for the scalars of a step', () => {
    const [p, q] = [parameter([1, 2]), parameter([[1], [2]])];
    const launchesOf = (optimizer: SGD | Adam): number => {
      let launches = 0;
      for (let step = 0; step < 3; step++) {
        for (const x of [p, q]) x.grad = x.square().detach();
        const before = p.runtime.launches;
        optimizer.step();
        launches = p.runtime.launches - before;
      }
      return launches;
    };
    const options = { weightDecay: 0.1 };
    expect(launchesOf(new SGD([p, q], { ...options, momentum: 0.9 }))).toBe(2);
    for (const Kind of [Adam, AdamW]) {
      for (const amsgrad of [false, true]) {
        expect(launchesOf(new Kind([p, q], { ...options, amsgrad }))).toBeLessThanOrEqual(12);
      }
    }
  });

  it('a gradient without memory of its own (that of a sum) is one like any other', () => {
    const p = parameter([1, 2]);
    p.sum().backward();
    new SGD([p], { learningRate: 0.5 }).step();
    expect(p.dataSync()).toEqual(Float32Array.of(0.5, 1.5));
  });
});

describe('groups and learning rate', () => {
  it('each group has its own settings, defaults fill the rest', () => {
    const [a, b] = [parameter([1]), parameter([1])];
    const optimizer = new SGD(
      [
        { parameters: [a], learningRate: 0.5 },
        { parameters: [b], weightDecay: 1 },
      ],
      {
        learningRate: 0.25,
      },
    );
    for (const p of [a, b]) p.grad = tensor([1]);
    optimizer.step();
    expect([...a.dataSync(), ...b.dataSync()]).toEqual([0.5, 0.5]);
    optimizer.learningRate = 0.125;
    for (const p of [a, b]) p.grad = tensor([1]);
    optimizer.step();
    expect([...a.dataSync(), ...b.dataSync()]).toEqual([0.375, 0.3125]);
  });

  it('zeroGrad drops gradients, and a step without any changes nothing', () => {
    const p = parameter([1]);
    const optimizer = new SGD([p], { learningRate: 1 });
    p.square().sum().backward();
    const held = p.grad;
    optimizer.zeroGrad();
    expect(p.grad === null).toBe(true);
    expect(held?.dataSync()).toEqual(Float32Array.of(2));
    optimizer.step();
    expect(p.dataSync()).toEqual(Float32Array.of(1));
    expect(p.version).toBe(0);
  });

  it('refuses bad settings', () => {
    const p = parameter([1]);
    expect(() => new SGD([])).toThrow(
      new ValueError('SGD: expected at least one parameter, got none'),
    );
    expect(() => new SGD([p, p])).toThrow(
      'SGD: expected each parameter once, got one of shape [1] twice',
    );
    expect(() => new SGD([variable([1]) as never])).toThrow(
      'SGD: expected parameters, got something else at position 0',
    );
    expect(() => new SGD([p], { learningRate: -1 })).toThrow(
      'SGD: learningRate: expected a number of at least 0, got -1',
    );
    expect(() => new SGD([p], { nesterov: true })).toThrow(
      'SGD: nesterov: expected momentum above 0 and dampening 0, got momentum 0 and dampening 0',
    );
    expect(() => new Adam([p], { betas: [0.9, 1] })).toThrow(
      'Adam: betas: expected two numbers in [0, 1), got [0.9, 1]',
    );
    expect(() => new SGD([p], { lr: 0.1 } as never)).toThrow(
      new ValueError(
        'SGD: expected options among learningRate, momentum, dampening, weightDecay, nesterov, ' +
          "got 'lr' (here: learningRate)",
      ),
    );
    expect(() => new AdamW([{ parameters: [p], momentum: 0.9 } as never])).toThrow(
      'AdamW: expected options among learningRate, betas, eps, weightDecay, amsgrad, ' +
        "got 'momentum'",
    );
    expect(() => new Adam([p], 0.01 as never)).toThrow(
      'Adam: expected options such as { learningRate }, got 0.01',
    );
    expect(() => new Adam({} as never)).toThrow(
      'Adam: expected a list of parameters (of a model: model.parameters())',
    );
    expect(() => new AdamW([p], { weightDecay: Number.NaN })).toThrow(
      'AdamW: weightDecay: expected at least 0, got NaN',
    );
  });
});

describe('clipping', () => {
  const withGradients = () =>
    golden.clipping.gradients.map((values) => {
      const p = parameter(new Float32Array(values.length));
      p.grad = tensor(new Float32Array(values));
      return p;
    });

  it('clipGradNorm follows PyTorch', () => {
    for (const run of golden.clipping.runs) {
      const parameters = withGradients();
      const norm = clipGradNorm(parameters, run.maxNorm, { p: run.p === 'inf' ? Infinity : run.p });
      expectClose(norm, [run.norm]);
      for (const [i, p] of parameters.entries()) expectClose(p.grad ?? [], run.after[i] ?? []);
    }
  });

  it('keeps NaN visible and needs a gradient', () => {
    const p = parameter([1, 1]);
    expect(() => clipGradNorm([p], 1)).toThrow(
      'clipGradNorm: expected a parameter with a gradient, got none',
    );
    p.grad = tensor([Number.NaN, 1]);
    clipGradNorm([p], 1);
    expect(p.grad.dataSync()).toEqual(Float32Array.of(Number.NaN, Number.NaN));
  });

  it('clipGradValue clips every element', () => {
    const p = parameter([0, 0, 0]);
    p.grad = tensor([-3, 0.25, 3]);
    clipGradValue([p], 0.5);
    expect(p.grad.dataSync()).toEqual(Float32Array.of(-0.5, 0.25, 0.5));
  });
});

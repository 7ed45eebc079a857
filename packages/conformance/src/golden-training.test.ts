import { describe, expect, it } from 'vitest';
import {
  type GoldenRun,
  goldenBatch,
  goldenParameter,
  hashedFloats,
  hashedIntegers,
  loadGoldenRuns,
} from './golden-training.ts';

const small = await loadGoldenRuns('training.json');
const models = await loadGoldenRuns('models.json');

function named(runs: readonly GoldenRun[], name: string): GoldenRun {
  const run = runs.find((r) => r.name === name);
  if (run === undefined) throw new Error(`no run ${name}`);
  return run;
}

describe('the generator', () => {
  // From hashed.py: the upper 24 bits for seeds 1 and 4,000,000,000 and indices 0 to 2.
  it('gives the integers of the Python twin', () => {
    expect([...hashedIntegers(1, 3, 1 << 24)]).toEqual([1178882, 10898237, 8270375]);
    expect([...hashedIntegers(4_000_000_000, 3, 1 << 24)]).toEqual([1401766, 15379438, 11177918]);
    expect([...hashedIntegers(7, 5, 10)]).toEqual([7, 6, 2, 8, 9]);
  });

  it('gives the floats of the Python twin', () => {
    expect([...hashedFloats(1, 3, { scale: 0.1, offset: 0.5 })]).toEqual([
      0.41405338048934937, 0.5299171209335327, 0.4985905587673187,
    ]);
  });

  it('makes the initial weights that PyTorch trained', () => {
    for (const run of [...small, ...models]) {
      for (const parameter of run.parameters) {
        let [sum, squares] = [0, 0];
        for (const value of goldenParameter(parameter)) {
          sum += value;
          squares += value * value;
        }
        const label = `${run.name} ${parameter.name}`;
        expect(Math.abs(sum - parameter.initialSum), label).toBeLessThan(1e-9);
        expect(Math.abs(squares - parameter.initialSumOfSquares), label).toBeLessThan(1e-9);
      }
    }
  });
});

describe('the runs', () => {
  it('are all there, with a loss per step, finite and falling', () => {
    expect(small.map((r) => r.name)).toEqual([
      'mlp-sgd',
      'mlp-adam',
      'mlp-adam-l2',
      'cnn-sgd',
      'cnn-adam',
    ]);
    expect(models.map((r) => r.name)).toEqual(['mlp', 'cnn', 'transformer', 'lstm']);
    for (const run of [...small, ...models]) {
      expect(run.losses.length, run.name).toBe(run.steps);
      expect(run.lossesFloat32.length, run.name).toBe(run.steps);
      expect(run.losses.every(Number.isFinite), run.name).toBe(true);
      const { count } = run.batches; // a whole cycle: single batches differ in difficulty
      const [first, last] = [run.losses.slice(0, count), run.losses.slice(-count)];
      expect(sum(last), run.name).toBeLessThan(sum(first));
      expect(run.float32Drift, run.name).toBeLessThan(1e-5);
    }
    expect(new Set(small.map((r) => r.steps))).toEqual(new Set([50]));
    expect(new Set(models.map((r) => r.steps))).toEqual(new Set([20]));
  });

  it('count parameters as the models do', () => {
    expect(Object.fromEntries(models.map((r) => [r.name, r.parameterCount]))).toEqual({
      mlp: 784 * 256 + 256 + 256 * 128 + 128 + 128 * 10 + 10,
      cnn: 32 * 9 + 32 + 64 * 32 * 9 + 64 + 3136 * 128 + 128 + 128 * 10 + 10,
      transformer:
        (96 + 128) * 128 +
        4 * (4 * 128 + 4 * (128 * 128 + 128) + 128 * 512 + 512 + 512 * 128 + 128) +
        2 * 128 +
        128 * 96 +
        96,
      lstm: 4 * 128 * (128 + 128 + 2) + 128 * 10 + 10,
    });
  });

  it('start from the loss that the weights and the first batch give', () => {
    const run = named(small, 'mlp-sgd');
    const { x, labels } = goldenBatch(run.batches, 0);
    const loss = mlpLoss(run, x.data, labels.data);
    expect(Math.abs(loss - (run.losses[0] ?? 0))).toBeLessThan(1e-12);
    const second = goldenBatch(run.batches, 1);
    expect(mlpLoss(run, second.x.data, second.labels.data)).not.toBeCloseTo(loss, 4);
  });

  it('give tokens whose labels are the next tokens', () => {
    const { x, labels } = goldenBatch(named(models, 'transformer').batches, 3);
    expect(x.shape).toEqual([8, 128]);
    expect([...labels.data.slice(128, 255)]).toEqual([...x.data.slice(129, 256)]);
    expect(Math.max(...x.data)).toBe(95);
    const ids = hashedIntegers(5100 + 2 * 3, 8 * 129, 96);
    expect([...x.data.slice(2 * 128, 3 * 128)]).toEqual([...ids.slice(2 * 129, 3 * 129 - 1)]);
  });

  it('reject a file without runs', async () => {
    const bytes = new TextEncoder().encode('{"runs": [1]}');
    await expect(loadGoldenRuns('models.json', async () => bytes)).rejects.toThrow(
      'golden models.json: expected training runs with losses and parameters',
    );
  });
});

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Mean cross-entropy of the ReLU MLP in float64, written out. */
function mlpLoss(run: GoldenRun, x: ArrayLike<number>, labels: ArrayLike<number>): number {
  const rows = labels.length;
  let total = 0;
  for (let row = 0; row < rows; row++) {
    const width = x.length / rows;
    let activations = Array.from({ length: width }, (_, i) => x[row * width + i] ?? 0);
    for (let layer = 0; layer < run.parameters.length; layer += 2) {
      const [weight, bias] = run.parameters.slice(layer, layer + 2).map(goldenParameter);
      const isLast = layer + 2 === run.parameters.length;
      activations = Array.from(bias ?? [], (b, out) => {
        const y = activations.reduce((sum, a, i) => {
          return sum + a * (weight?.[out * activations.length + i] ?? 0);
        }, b);
        return isLast ? y : Math.max(y, 0);
      });
    }
    const sum = activations.reduce((s, logit) => s + Math.exp(logit), 0);
    total += Math.log(sum) - (activations[labels[row] ?? 0] ?? 0);
  }
  return total / rows;
}

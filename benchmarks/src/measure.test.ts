import { describe, expect, it } from 'vitest';
import { check, sample, warmUp } from './measure.ts';
import type { Prepared } from './systems/types.ts';
import { findWorkload } from './workloads/index.ts';
import { readGolden } from './workloads/model.ts';
import { makeInputs } from './workloads/reference.ts';
import { isOp } from './workloads/types.ts';

const add = findWorkload('dispatch-16');

function sumOf(): Float32Array {
  if (!isOp(add)) throw new Error('dispatch-16 is an operation');
  const [x, y] = makeInputs(add) as [Float32Array, Float32Array];
  return x.map((v, i) => v + y[i]!);
}

/** A system that counts its runs and gives `output`. */
function fake(output: (runs: number) => ArrayLike<number>): Prepared & { runs: number } {
  return {
    runs: 0,
    run() {
      this.runs++;
    },
    async result() {
      return output(this.runs);
    },
  };
}

describe('check', () => {
  it('accepts a right result after one run', async () => {
    const prepared = fake(sumOf);
    expect((await check(add, prepared)).verdict).toEqual({ isCorrect: true, message: '' });
    expect(prepared.runs).toBe(1);
  });

  it('finds a kernel that is wrong in one element', async () => {
    const prepared = fake(() => sumOf().fill(0, 77, 78));
    const { verdict } = await check(add, prepared);
    expect(verdict.isCorrect).toBe(false);
    expect(verdict.message).toMatch(/^element 77: expected /);
  });

  it('trains up to 20 steps and compares all 21 losses', async () => {
    const golden = readGolden('mlp');
    const prepared = fake((runs) => golden.slice(0, runs + 1));
    const mlp = findWorkload('train-mlp');
    expect((await check(mlp, prepared)).verdict.isCorrect).toBe(true);
    expect(prepared.runs).toBe(20);
    const wrong = fake((runs) => golden.slice(0, runs).concat(0));
    expect((await check(mlp, wrong)).verdict.message).toContain('loss after 20 updates');
  });
});

describe('warm-up and samples', () => {
  it('skips the warm-up after a long first run', async () => {
    const prepared = fake(sumOf);
    expect(await warmUp(prepared, 1500)).toBe(1500);
    expect(prepared.runs).toBe(0);
  });

  it('repeats quick runs within one sample and awaits promises', async () => {
    let running = 0;
    let overlaps = 0;
    let runs = 0;
    const prepared: Prepared = {
      async run() {
        if (running++ > 0) overlaps++;
        await Promise.resolve();
        running--;
        runs++;
      },
      result: async () => [],
    };
    const times = await sample(prepared, 0, 0.1);
    expect(times).toHaveLength(1);
    expect(runs).toBe(20);
    expect(overlaps).toBe(0);
  });
});

import { expect, it } from 'vitest';
import { countCalls, difference, type GpuCounts, medianCounts } from './gpu.ts';

const counts = (dispatches: number, buffers = 0): GpuCounts => ({
  dispatches,
  buffers,
  ...{ submits: 1, passes: 1, bindGroups: 0, pipelines: 0 },
});

it('counts calls and leaves what they do', () => {
  class Queue {
    readonly done: string[] = [];
    submit(name: string): number {
      return this.done.push(name);
    }
  }
  let calls = 0;
  const prototype: Record<string, unknown> = Object(Queue.prototype);
  countCalls(prototype, 'submit', () => {
    calls++;
  });
  const queue = new Queue();
  expect([queue.submit('a'), queue.submit('b')]).toEqual([1, 2]);
  expect({ calls, done: queue.done }).toEqual({ calls: 2, done: ['a', 'b'] });
  expect(() => countCalls(prototype, 'flush', () => undefined)).toThrow(
    "gpu: expected a method 'flush' to count, got undefined",
  );
});

it('gives what happened between, and the median of it', () => {
  const runs = [difference(counts(5), counts(35, 9)), counts(30), counts(31, 1)];
  expect(runs[0]).toEqual({ ...counts(30, 9), submits: 0, passes: 0 });
  expect(medianCounts(runs)).toEqual(counts(30, 1));
});

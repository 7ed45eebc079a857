/** PyTorch's padding modes and creation functions in our ops. */

import type { DType, Tensor } from '@tenon/core';
import * as core from '@tenon/core';
import type { TorchCall, TorchOp } from './torch.ts';

/** Wrapped, mirrored or repeated borders by indices, last axis first as PyTorch lists them. */
function padWith(
  x: Tensor,
  padding: readonly number[],
  at: (i: number, n: number) => number,
): Tensor {
  let y = x;
  for (let pair = 0; pair < padding.length / 2; pair++) {
    const axis = x.rank - 1 - pair;
    const n = x.shape[axis] as number;
    const [low, high] = [padding[2 * pair] as number, padding[2 * pair + 1] as number];
    const index = Array.from({ length: n + low + high }, (_, i) => at(i - low, n));
    y = y.take(index, axis);
  }
  return y;
}
export const pad: TorchOp = (call) => {
  const padding = call.sizes(1, 'pad');
  const x = call.tensor(0);
  const mode = call.text(2, 'mode', 'constant');
  const wrap = (i: number, n: number): number => ((i % n) + n) % n;
  if (mode === 'reflect') {
    return padWith(x, padding, (i, n) =>
      n === 1 ? 0 : Math.abs(wrap(i + n - 1, 2 * n - 2) - (n - 1)),
    );
  }
  if (mode === 'replicate') return padWith(x, padding, (i, n) => Math.min(Math.max(i, 0), n - 1));
  if (mode === 'circular') {
    return padding.some((n) => n < 0) ? 'wrapping what was cut first' : padWith(x, padding, wrap);
  }
  const value =
    typeof call.raw(2, 'value') === 'number' ? call.number(2, 'value') : call.number(3, 'value', 0);
  const pairs = x.shape.map((_, axis): [number, number] => {
    const at = 2 * (x.rank - 1 - axis);
    return [padding[at] ?? 0, padding[at + 1] ?? 0];
  });
  return x.pad(pairs, value);
};

export function made(call: TorchCall, fn: (dtype: DType | undefined) => Tensor): Tensor {
  return fn(call.dtype(9, 'dtype') ?? undefined);
}
export const arange: TorchOp = (call) => {
  const numbers = call.sample.args.map(Number);
  if (call.has(9, 'end')) numbers.push(call.number(9, 'end'));
  const [start, stop, step] = numbers.length === 1 ? [0, numbers[0], 1] : numbers;
  const steps = ((stop as number) - (start as number)) / (step ?? 1);
  if (numbers.some((x) => !Number.isInteger(x)) && Math.abs(steps - Math.round(steps)) < 1e-6) {
    return 'the length is rounded in single precision there';
  }
  return made(call, (dtype) =>
    core.arange(start as number, stop as number, step ?? 1, dtype === undefined ? {} : { dtype }),
  );
};

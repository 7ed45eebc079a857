/**
 * Checks of labels and targets that read values. Only where a read is synchronous: on webgpu they
 * would stop the device, and out-of-range labels give NaN there.
 */
import { type DataArray, DTypeError, ShapeError, type Tensor, ValueError } from '@tenon/core';

/** Same shape: a silent broadcast of targets is almost always a mistake. */
export function requireSameShape(op: string, input: Tensor, target: Tensor): void {
  const [a, b] = [input.shape, target.shape];
  if (a.length === b.length && a.every((n, i) => n === b[i])) return;
  throw new ShapeError(
    `${op}: expected a target of the input's shape [${a.join(', ')}], got [${b.join(', ')}]`,
  );
}

/** No NaN among targets. */
export function requireNumbers(op: string, what: string, target: Tensor): void {
  if (target.dtype !== 'f32' && target.dtype !== 'f64') return;
  const values = readable(target);
  if (values === null) return;
  const index = findNaN(values);
  if (index >= 0) {
    throw new ValueError(
      `${op}: expected ${what} that are numbers, got NaN at ${place(target, index)}`,
    );
  }
}

/**
 * Class indices of shape `[N, …]` in [0, classes) (or `ignoreIndex`) for logits `[N, C, …]`, or
 * probabilities of the logits' shape.
 */
export function checkLabels(op: string, logits: Tensor, labels: Tensor, ignoreIndex: number): void {
  const { shape } = logits;
  const wanted = shape.length === 1 ? [] : [...shape.slice(0, 1), ...shape.slice(2)];
  if (isFloat(labels)) {
    if (isSame(labels.shape, shape)) {
      requireNumbers(op, 'probabilities', labels);
      return;
    }
    requireNumbers(op, 'labels', labels);
    throw new DTypeError(
      `${op}: expected i32 class indices [${wanted.join(', ')}] or probabilities ` +
        `[${shape.join(', ')}], ` +
        `got ${labels.dtype} [${labels.shape.join(', ')}] (indices: labels.cast('i32'))`,
    );
  }
  if (labels.dtype === 'bool') {
    throw new DTypeError(`${op}: expected i32 class indices, got bool (labels.cast('i32'))`);
  }
  if (!isSame(labels.shape, wanted)) {
    throw new ShapeError(
      `${op}: expected labels [${wanted.join(', ')}] for logits [${shape.join(', ')}], ` +
        `got [${labels.shape.join(', ')}]`,
    );
  }
  const classes = shape[shape.length === 1 ? 0 : 1] ?? 0;
  const values = readable(labels);
  if (values === null) return;
  const index = values.findIndex((x) => (x < 0 || x >= classes) && x !== ignoreIndex);
  if (index >= 0) {
    throw new ValueError(
      `${op}: expected labels in [0, ${classes}) for logits [${shape.join(', ')}], ` +
        `got ${values[index]} at ${place(labels, index)}`,
    );
  }
}

function isFloat(t: Tensor): boolean {
  return t.dtype === 'f32' || t.dtype === 'f64' || t.dtype === 'f16';
}

function isSame(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((n, i) => n === b[i]);
}

/** The values, where reading them costs no wait. */
function readable(t: Tensor): DataArray | null {
  return t.backend.capabilities.syncRead ? t.dataSync() : null;
}

function findNaN(values: DataArray): number {
  for (let i = 0; i < values.length; i++) if (Number.isNaN(values[i])) return i;
  return -1;
}

/** `[2, 0]` for a position in row-major order. */
function place({ shape }: Tensor, index: number): string {
  const indices: number[] = [];
  let rest = index;
  for (const n of [...shape].reverse()) {
    indices.unshift(rest % n);
    rest = Math.floor(rest / n);
  }
  return `[${indices.join(', ')}]`;
}

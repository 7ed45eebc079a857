/** Shape arithmetic: sizes, axes, broadcasting. Pure functions; every check names the op. */
import { AxisError, ShapeError } from './errors.ts';

export type Shape = readonly number[];
/** One axis or several; negative axes count from the end. */
export type Axes = number | readonly number[];

/** Number of elements of a shape; 1 for a 0-d tensor. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (let i = 0; i < shape.length; i++) size *= shape[i] as number;
  return size;
}

export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Checks that every size is a whole number of at least 0. */
export function checkShape(op: string, shape: Shape): void {
  for (const size of shape) {
    if (!Number.isInteger(size) || size < 0) {
      throw new ShapeError(
        `${op}: sizes must be whole numbers of at least 0, got ${formatShape(shape)}`,
      );
    }
  }
  if (sizeOf(shape) > 2 ** 31 - 1) {
    throw new ShapeError(
      `${op}: a tensor holds at most 2147483647 elements, got ${formatShape(shape)}`,
    );
  }
}

/** One axis made non-negative. @throws AxisError when it lies outside [-rank, rank). */
export function normalizeAxis(op: string, axis: number, rank: number): number {
  const normal = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || normal < 0 || normal >= rank) {
    throw new AxisError(
      `${op}: axis ${axis} is outside [${-rank}, ${rank}) of a rank-${rank} tensor`,
    );
  }
  return normal;
}

/** Axes made non-negative and sorted; undefined means all. @throws AxisError on a repetition. */
export function normalizeAxes(op: string, axes: Axes | undefined, rank: number): number[] {
  if (axes === undefined) return Array.from({ length: rank }, (_, i) => i);
  const list = (typeof axes === 'number' ? [axes] : [...axes]).map((axis) =>
    normalizeAxis(op, axis, rank),
  );
  list.sort((a, b) => a - b);
  for (let i = 1; i < list.length; i++) {
    if (list[i] === list[i - 1]) throw new AxisError(`${op}: axis ${list[i]} is named twice`);
  }
  return list;
}

/** The shape with `axes` (sorted, non-negative) removed, or kept with size 1. */
export function reducedShape(shape: Shape, axes: readonly number[], keepDims: boolean): number[] {
  const out: number[] = [];
  shape.forEach((size, axis) => {
    if (!axes.includes(axis)) out.push(size);
    else if (keepDims) out.push(1);
  });
  return out;
}

/** The shape that all operands broadcast to (NumPy's rule). @throws ShapeError naming both. */
export function broadcastShapes(op: string, shapes: readonly Shape[]): Shape {
  const first = shapes[0] as Shape;
  let out: Shape = first;
  for (let k = 1; k < shapes.length; k++) out = broadcastPair(op, out, shapes[k] as Shape);
  return out;
}

function broadcastPair(op: string, a: Shape, b: Shape): Shape {
  if (sameShape(a, b)) return a;
  const rank = Math.max(a.length, b.length);
  const out = new Array<number>(rank);
  for (let i = 1; i <= rank; i++) {
    const m = i <= a.length ? (a[a.length - i] as number) : 1;
    const n = i <= b.length ? (b[b.length - i] as number) : 1;
    if (m !== n && m !== 1 && n !== 1) {
      throw new ShapeError(
        `${op}: shapes ${formatShape(a)} and ${formatShape(b)} do not broadcast: ` +
          `${m} ≠ ${n} at axis -${i} (sizes must be equal or 1)`,
      );
    }
    out[rank - i] = m === 1 ? n : m;
  }
  return out;
}

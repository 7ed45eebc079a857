/** Tensors as text, as NumPy prints them: aligned columns, nested brackets, shortened if large. */
import type { DataArray, DType } from './dtype.ts';
import { isFloat } from './dtype.ts';
import { denseStrides } from './layout.ts';
import { type Shape, sizeOf } from './shape.ts';

/** Above so many elements each axis shows only its first and last few. */
const MAX_ELEMENTS = 1000;
const EDGE = 3;

/** `tensor([[1, 2], [3, 4]])`, with the dtype where it is not f32. */
export function formatTensor(values: DataArray, shape: Shape, dtype: DType): string {
  const suffix = dtype === 'f32' ? '' : `, ${dtype}`;
  const isShort = sizeOf(shape) > MAX_ELEMENTS;
  const texts = numberTexts(values, shape, dtype, isShort);
  const body = shape.length === 0 ? (texts.get(0) as string) : rows(texts, shape, isShort);
  return `tensor(${body}${suffix})`;
}

/** Indices of an axis that are shown; -1 stands for the gap. */
function shown(size: number, isShort: boolean): number[] {
  if (!isShort || size <= 2 * EDGE) return Array.from({ length: size }, (_, i) => i);
  const first = Array.from({ length: EDGE }, (_, i) => i);
  return [...first, -1, ...first.map((i) => size - EDGE + i)];
}

/** Texts of the shown elements by position, all padded to one width. */
function numberTexts(
  values: DataArray,
  shape: Shape,
  dtype: DType,
  isShort: boolean,
): Map<number, string> {
  const strides = denseStrides(shape);
  let positions = [0];
  shape.forEach((size, axis) => {
    const list = shown(size, isShort).filter((i) => i >= 0);
    positions = positions.flatMap((at) => list.map((i) => at + i * (strides[axis] as number)));
  });
  const write = writer(
    positions.map((at) => values[at] as number),
    dtype,
  );
  const texts = new Map(positions.map((at) => [at, write(values[at] as number)]));
  const width = Math.max(0, ...[...texts.values()].map((text) => text.length));
  for (const [at, text] of texts) texts.set(at, text.padStart(width));
  return texts;
}

/** One notation for all: whole numbers, four decimals, or exponents where sizes differ much. */
function writer(list: readonly number[], dtype: DType): (value: number) => string {
  if (dtype === 'bool') return (value) => (value === 0 ? 'false' : 'true');
  if (!isFloat(dtype)) return String;
  const sizes = list.filter((x) => Number.isFinite(x) && x !== 0).map(Math.abs);
  const [least, most] = [Math.min(...sizes), Math.max(...sizes)];
  const plain = (value: number): string | null => (Number.isFinite(value) ? null : String(value));
  if (list.every((x) => !Number.isFinite(x) || Number.isInteger(x)) && most < 1e8) return String;
  if (sizes.length > 0 && (most >= 1e8 || least < 1e-4 || most / least > 1e5)) {
    return (value) => plain(value) ?? value.toExponential(4);
  }
  const decimals = Math.max(...list.map((x) => decimalsOf(x)));
  return (value) => plain(value) ?? value.toFixed(decimals);
}
function decimalsOf(value: number): number {
  const text = value.toFixed(4).replace(/0+$/, '');
  return Number.isFinite(value) ? text.length - text.indexOf('.') - 1 : 0;
}

function rows(texts: Map<number, string>, shape: Shape, isShort: boolean): string {
  const strides = denseStrides(shape);
  const build = (axis: number, at: number): string => {
    if (axis === shape.length) return texts.get(at) as string;
    const parts = shown(shape[axis] as number, isShort).map((i) =>
      i < 0 ? '...' : build(axis + 1, at + i * (strides[axis] as number)),
    );
    if (axis === shape.length - 1) return `[${parts.join(', ')}]`;
    const gap = '\n'.repeat(shape.length - 1 - axis);
    return `[${parts.join(`,${gap}${' '.repeat('tensor('.length + axis + 1)}`)}]`;
  };
  return build(0, 0);
}

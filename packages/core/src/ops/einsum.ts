/**
 * Einstein summation: operands are contracted pairwise from the left, each pair as one batched
 * matrix product (batch, rows, inner, columns); letters that only one of them has are summed first.
 */
import { ShapeError, ValueError } from '../errors.ts';
import { formatShape, normalizeAxis } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { mul } from './elementwise.ts';
import { matmul } from './linalg.ts';
import { requireTensor } from './operand.ts';
import { sum } from './reduce.ts';
import { expand, permute, reshape, slice } from './shape.ts';

/** A tensor whose axes have names. */
interface Labelled {
  readonly x: Tensor;
  readonly labels: readonly string[];
}

/**
 * Σ over all letters that are not in the output. Letters name axes; '...' stands for leading axes
 * that broadcast; without '->' the output has the letters that occur once, in order.
 * @throws ValueError for a malformed equation, ShapeError where sizes of a letter differ
 * @example
 * import { einsum, ones } from '@tenon/core';
 * einsum('bij,bjk->bik', ones([8, 2, 3]), ones([8, 3, 4])); // [8, 2, 4]
 * einsum('ii', ones([3, 3])); // 3
 * einsum('...ij->...ji', ones([5, 2, 3])); // [5, 3, 2]
 */
export function einsum(equation: string, ...tensors: readonly Tensor[]): Tensor {
  const { inputs, output } = parse(equation, tensors);
  const sizes = new Map<string, number>();
  const parts = inputs.map((labels, i) => diagonal(tensors[i] as Tensor, labels, sizes, equation));
  for (const label of output) {
    if (!sizes.has(label)) {
      throw new ValueError(`einsum: '${equation}': output letter '${label}' is in no operand`);
    }
  }
  let left = parts[0] as Labelled;
  for (let i = 1; i < parts.length; i++) {
    const later = parts.slice(i + 1).flatMap(({ labels }) => labels);
    left = contract(left, parts[i] as Labelled, new Set([...output, ...later]), sizes);
  }
  return arrange(left, output);
}

function parse(
  equation: string,
  tensors: readonly Tensor[],
): { inputs: string[][]; output: string[] } {
  const compact = equation.replace(/\s/g, '');
  const [left = '', right, extra] = compact.split('->');
  const terms = left.split(',');
  if (extra !== undefined || !/^[A-Za-z.,]*$/.test(left) || !/^[A-Za-z.]*$/.test(right ?? '')) {
    throw new ValueError(`einsum: '${equation}' is not of the form 'ij,jk->ik'`);
  }
  if (terms.length !== tensors.length) {
    throw new ValueError(
      `einsum: '${equation}' names ${terms.length} operands, got ${tensors.length}`,
    );
  }
  const inputs = terms.map((term, i) => expandDots(term, tensors[i] as Tensor, equation));
  const dots = inputs.flat().filter((label) => label.startsWith('.'));
  const leading = [...new Set(dots)].sort((a, b) => Number(b.slice(1)) - Number(a.slice(1)));
  if (right !== undefined) {
    const output = right.includes('...')
      ? [
          ...right.slice(0, right.indexOf('...')),
          ...leading,
          ...right.slice(right.indexOf('...') + 3),
        ]
      : [...right];
    if (new Set(output).size !== output.length) {
      throw new ValueError(`einsum: '${equation}': a letter occurs twice in the output`);
    }
    return { inputs, output };
  }
  const letters = inputs.flat().filter((label) => !label.startsWith('.'));
  const once = letters.filter((label) => letters.filter((other) => other === label).length === 1);
  return { inputs, output: [...leading, ...once.sort()] };
}

/** Labels of one operand; axes under '...' are called '.n' … '.1', counted from the right. */
function expandDots(term: string, x: Tensor, equation: string): string[] {
  requireTensor('einsum', x);
  const at = term.indexOf('...');
  const letters = at < 0 ? [...term] : [...term.slice(0, at), ...term.slice(at + 3)];
  if (letters.includes('.')) throw new ValueError(`einsum: '${equation}': stray '.'`);
  const count = x.rank - letters.length;
  if (count < 0 || (at < 0 && count > 0)) {
    throw new ShapeError(
      `einsum: '${term}' has ${letters.length} letters for ${formatShape(x.shape)}`,
    );
  }
  if (at < 0) return letters;
  const dots = Array.from({ length: count }, (_, i) => `.${count - i}`);
  return [...letters.slice(0, at), ...dots, ...letters.slice(at)];
}

/** Repeated letters become the diagonal; sizes are noted and checked (size 1 broadcasts dots). */
function diagonal(
  x: Tensor,
  labels: readonly string[],
  sizes: Map<string, number>,
  equation: string,
): Labelled {
  let y = x;
  let names = [...labels];
  for (const label of new Set(labels)) {
    const first = names.indexOf(label);
    for (
      let second = names.indexOf(label, first + 1);
      second >= 0;
      second = names.indexOf(label, first + 1)
    ) {
      y = takeDiagonal(y, first, second, equation);
      names = names.filter((_, i) => i !== second);
    }
    const size = y.shape[first] as number;
    const known = sizes.get(label) ?? 1;
    const isFit =
      known === size || (label.startsWith('.') && (size === 1 || known === 1)) || !sizes.has(label);
    if (!isFit) {
      throw new ShapeError(`einsum: '${equation}': letter '${label}' is ${known} and ${size}`);
    }
    sizes.set(label, known === 1 ? size : known);
  }
  return { x: y, labels: names };
}

/** The diagonal of two axes, at the place of the first. */
function takeDiagonal(x: Tensor, first: number, second: number, equation: string): Tensor {
  const n = x.shape[first] as number;
  if (x.shape[second] !== n) {
    throw new ShapeError(
      `einsum: '${equation}': a repeated letter is ${n} and ${x.shape[second]} ` +
        `in ${formatShape(x.shape)}`,
    );
  }
  const rest = x.shape.map((_, i) => i).filter((i) => i !== first && i !== second);
  const moved = permute(x, [...rest, first, second]);
  const lead = moved.shape.slice(0, -2);
  const flat = reshape(moved, [...lead, n * n]);
  const picked = slice(flat, ...lead.map(() => null), [0, null, n + 1]);
  const axes = rest.map((_, i) => i);
  axes.splice(first, 0, rest.length);
  return permute(picked, axes);
}

/** One pair: letters of neither the output nor a later operand are summed away. */
function contract(
  a: Labelled,
  b: Labelled,
  needed: ReadonlySet<string>,
  sizes: ReadonlyMap<string, number>,
): Labelled {
  const left = dropUnused(a, new Set([...needed, ...b.labels]));
  const right = dropUnused(b, new Set([...needed, ...a.labels]));
  const shared = left.labels.filter((label) => right.labels.includes(label));
  const batch = shared.filter((label) => needed.has(label));
  const inner = shared.filter((label) => !needed.has(label));
  const rows = left.labels.filter((label) => !shared.includes(label));
  const columns = right.labels.filter((label) => !shared.includes(label));
  const labels = [...batch, ...rows, ...columns];
  if (inner.length === 0) {
    const x = mul(
      reshapeFor(left, [...batch, ...rows], [...batch, ...rows, ...columns.map(() => '')]),
      reshapeFor(right, [...batch, ...columns], [...batch, ...rows.map(() => ''), ...columns]),
    );
    return { x, labels };
  }
  const size = (list: readonly string[]): number =>
    list.reduce((n, label) => n * (sizes.get(label) as number), 1);
  const grouped = (t: Labelled, p: readonly string[], q: readonly string[]): Tensor => {
    const ordered = arrange(t, [...batch, ...p, ...q]);
    const full = expand(
      ordered,
      [...batch, ...p, ...q].map((label) => sizes.get(label) as number),
    );
    return reshape(full, [size(batch), size(p), size(q)]);
  };
  const y = matmul(grouped(left, rows, inner), grouped(right, inner, columns));
  return {
    x: reshape(
      y,
      labels.map((label) => sizes.get(label) as number),
    ),
    labels,
  };
}

function dropUnused({ x, labels }: Labelled, used: ReadonlySet<string>): Labelled {
  const axes = labels.map((_, i) => i).filter((i) => !used.has(labels[i] as string));
  if (axes.length === 0) return { x, labels };
  return { x: sum(x, axes), labels: labels.filter((label) => used.has(label)) };
}

/** Axes in the order of the labels; letters that are not asked for are summed. */
function arrange(t: Labelled, output: readonly string[]): Tensor {
  const { x, labels } = dropUnused(t, new Set(output));
  return permute(
    x,
    output.map((label) => normalizeAxis('einsum', labels.indexOf(label), x.rank)),
  );
}

/** Axes in order, with axes of size 1 where the target has an empty label. */
function reshapeFor(t: Labelled, order: readonly string[], target: readonly string[]): Tensor {
  const x = arrange(t, order);
  let at = 0;
  return reshape(
    x,
    target.map((label) => (label === '' ? 1 : (x.shape[at++] as number))),
  );
}

/** PyTorch's reading and writing at indices in our ops. */

import type { Tensor } from '@tenon/core';
import * as core from '@tenon/core';
import type { GoldenValue } from '../golden.ts';
import type { TorchCall, TorchOp, TorchOps, TorchResult } from './torch.ts';
import { diagonalOf, embedDiagonal } from './torch-shape.ts';

function axisOf(x: Tensor, dim: number): number {
  return dim < 0 ? dim + x.rank : dim;
}
/** Index tensors may be empty and then float in PyTorch. */
function whole(index: Tensor): Tensor {
  return index.dtype === 'i32' ? index : index.cast('i32');
}

/** One mask per index of an axis, in the shape that broadcasts against x. */
function along(x: Tensor, axis: number, mask: Tensor): Tensor {
  return mask.reshape(x.shape.map((_, i) => (i === axis ? -1 : 1)));
}
/** Positions of an axis that occur among the indices. */
function touched(size: number, index: Tensor): Tensor {
  return core
    .zeros([size])
    .indexAdd(0, index, core.ones([index.size]))
    .greater(0);
}

const getItem: TorchOp = async (call): Promise<TorchResult> => {
  const raw = call.raw(1, 'index');
  const items: readonly GoldenValue[] = Array.isArray(raw) ? raw : [raw as GoldenValue];
  const x = call.tensor(0);

  const advanced = items.filter(
    (v) =>
      typeof v === 'object' &&
      v !== null &&
      'kind' in v &&
      (v.kind === 'tensor' || v.kind === 'list'),
  );
  if (advanced.length > 1) return 'several index tensors index jointly in PyTorch';
  const tensors = items.map((v) =>
    typeof v === 'object' && v !== null && 'kind' in v && v.kind === 'tensor'
      ? call.inputs[v.index]!
      : null,
  );
  if (items.length === 1 && tensors[0]?.dtype === 'bool') return x.maskSelect(tensors[0]);
  const used = items.filter(
    (v) => v !== null && !(typeof v === 'object' && 'kind' in v && v.kind === 'ellipsis'),
  );
  let y = x;
  let axis = 0;
  for (const [i, item] of items.entries()) {
    if (item === null) {
      y = y.unsqueeze(axis++);
    } else if (typeof item === 'number') {
      y = y.at(...Array(axis).fill(null), item);
    } else if (typeof item === 'object' && 'kind' in item) {
      if (item.kind === 'slice') {
        if (item.step !== null && item.step < 0) return 'negative steps';
        y = y.slice(...Array(axis).fill(null), [item.start, item.stop, item.step ?? 1]);
        axis++;
      } else if (item.kind === 'ellipsis') axis += y.rank - (used.length - i) - axis;
      else if (item.kind === 'list') {
        const flags = item.items.every((v) => typeof v === 'boolean');
        const list = flags ? item.items.flatMap((v, k) => (v ? [k] : [])) : item.items.map(Number);
        y = y.take(list, axis++);
      } else {
        const index = tensors[i]!;
        if (index.dtype === 'bool') return 'a mask among other indices';
        const size = y.shape[axis] as number;
        y = y.take(core.where(index.less(0), index.add(size), index), axis);
        axis += index.rank;
      }
    } else return `an index of type ${typeof item}`;
  }
  return y;
};

/** x with source placed at indices of an axis: what is there is replaced. */
function copyAt(x: Tensor, axis: number, index: Tensor, source: Tensor): Tensor {
  const size = x.shape[axis] as number;
  const placed = core.zeros(x.shape).indexAdd(axis, index, source);
  return core.where(along(x, axis, touched(size, index)), placed, x);
}

/** Scattered values and where there are any. */
function scattered(
  call: TorchCall,
): { x: Tensor; axis: number; index: Tensor; source: Tensor } | string {
  const x = call.tensor(0);
  const index = whole(call.tensor(2, 'index'));
  const source = call.optional(3, 'src') ?? core.full(index.shape, call.number(3, 'value'));
  return { x, axis: axisOf(x, call.number(1, 'dim')), index, source };
}

function diagonalPlace(call: TorchCall): TorchResult {
  const [x, source] = [call.tensor(0), call.tensor(1, 'src')];
  const [offset, dim1, dim2] = [
    call.number(2, 'offset', 0),
    call.number(3, 'dim1', 0),
    call.number(4, 'dim2', 1),
  ];
  if (dim1 !== 0 || dim2 !== 1 || x.rank !== 2 || x.shape[0] !== x.shape[1]) {
    return 'diagonals of other axes or of rectangles';
  }
  const square = embedDiagonal(source, offset);
  const isOn = embedDiagonal(core.onesLike(diagonalOf(x, offset, 0, 1)), offset);
  return core.where(isOn.equal(1), square, x);
}

/** x with `part` of an axis replaced. */
function replaced(x: Tensor, axis: number, at: readonly number[], part: Tensor): Tensor {
  return copyAt(x, axis, core.tensor(Int32Array.from(at)), part);
}

export const TORCH_INDEXING: TorchOps = {
  __getitem__: getItem,
  argwhere: () => 'positions of what is not 0: their number depends on the values',
  diagonal_scatter: diagonalPlace,
  gather: (call) => {
    const [x, index] = [call.tensor(0), whole(call.tensor(2, 'index'))];
    return x.takeAlong(index, call.number(1, 'dim'));
  },
  index_add: (call) => {
    const [x, index] = [call.tensor(0), whole(call.tensor(2, 'index'))];
    const source = call.tensor(3, 'source').mul(call.number(9, 'alpha', 1));
    return x.indexAdd(call.number(1, 'dim'), index, source);
  },
  index_copy: (call) => {
    const x = call.tensor(0);
    const axis = axisOf(x, call.number(1, 'dim'));
    return copyAt(x, axis, whole(call.tensor(2, 'index')), call.tensor(3, 'source'));
  },
  index_fill: (call) => {
    const x = call.tensor(0);
    const axis = core.normalizeAxis('index_fill', call.number(1, 'dim'), x.rank);
    const mask = touched(x.shape[axis] as number, whole(call.tensor(2, 'index')).flatten());
    return core.where(
      along(x, axis, mask),
      call.optional(3, 'value') ?? call.number(3, 'value'),
      x,
    );
  },
  index_put: (call) => {
    const [x, values] = [call.tensor(0), call.tensor(2, 'values')];
    const list = call.tensors(1, 'indices');
    if (list.length !== 1) return 'several index tensors index jointly in PyTorch';
    const given = list[0] as Tensor;
    if (given.dtype === 'bool') return 'values at a mask';
    const index = whole(given);
    return call.boolean(3, 'accumulate')
      ? x.indexAdd(0, index, values)
      : copyAt(x, 0, index, values);
  },
  index_select: (call) => {
    const [x, index] = [call.tensor(0), whole(call.tensor(2, 'index'))];
    return x.take(index.rank === 0 ? index.reshape([1]) : index, call.number(1, 'dim'));
  },
  masked_scatter: (call) => {
    const [x, mask, source] = [call.tensor(0), call.tensor(1, 'mask'), call.tensor(2, 'source')];
    const shape = core.broadcastShapes('masked_scatter', [x.shape, mask.shape]);
    const wide = mask.expand(shape).flatten();
    const order = wide
      .cast('i32')
      .cumSum(0)
      .sub(1)
      .clip(0, source.size - 1);
    return core.where(wide, source.flatten().take(order), x.expand(shape).flatten()).reshape(shape);
  },
  masked_select: (call) => {
    const [x, mask] = [call.tensor(0), call.tensor(1, 'mask')];
    const shape = core.broadcastShapes('masked_select', [x.shape, mask.shape]);
    return x.expand(shape).flatten().maskSelect(mask.expand(shape).flatten());
  },
  'nn.functional.embedding': (call) => {
    // op_db records the weight first.
    const paddingIndex = call.optionalNumber(2, 'padding_idx');
    const options = paddingIndex === null ? {} : { paddingIndex };
    return core.embedding(call.tensor(0), whole(call.tensor(1, 'indices')), options);
  },
  'nn.functional.embedding_bag': () => 'no bags of embeddings',
  'nn.functional.grid_sample': () => 'no sampling on a grid',
  'nn.functional.one_hot': async (call) => {
    const x = whole(call.tensor(0));
    const classes = call.number(1, 'num_classes', -1);
    return core.oneHot(x, classes < 0 ? (await x.max().item()) + 1 : classes);
  },
  nonzero: () => 'positions of what is not 0: their number depends on the values',
  put: (call) => {
    const [x, index, source] = [
      call.tensor(0),
      whole(call.tensor(1, 'index')),
      call.tensor(2, 'source'),
    ];
    const flat = index.flatten();
    const at = core.where(flat.less(0), flat.add(x.size), flat);
    const values = source.flatten();
    const base = x.flatten();
    const y = call.boolean(3, 'accumulate')
      ? base.indexAdd(0, at, values)
      : copyAt(base, 0, at, values);
    return y.reshape(x.shape);
  },
  scatter: (call) => {
    const parts = scattered(call);
    if (typeof parts === 'string') return parts;
    const { x, axis, index, source } = parts;
    const isSet = core.zeros(x.shape).scatterAdd(axis, index, core.ones(source.shape)).greater(0);
    return core.where(isSet, core.zeros(x.shape).scatterAdd(axis, index, source), x);
  },
  scatter_add: (call) => {
    const parts = scattered(call);
    return typeof parts === 'string'
      ? parts
      : parts.x.scatterAdd(parts.axis, parts.index, parts.source);
  },
  scatter_reduce: (call) => {
    const parts = scattered(call);
    if (typeof parts === 'string') return parts;
    if (call.text(4, 'reduce', '') !== 'sum' || !call.boolean(5, 'include_self', true)) {
      return 'scattered means, extremes and products';
    }
    return parts.x.scatterAdd(parts.axis, parts.index, parts.source);
  },
  select_scatter: (call) => {
    const [x, source] = [call.tensor(0), call.tensor(1, 'src')];
    const axis = axisOf(x, call.number(2, 'dim'));
    const index = call.number(3, 'index');
    const at = index < 0 ? index + (x.shape[axis] as number) : index;
    return replaced(x, axis, [at], source.unsqueeze(axis));
  },
  slice_scatter: (call) => {
    const [x, source] = [call.tensor(0), call.tensor(1, 'src')];
    const axis = axisOf(x, call.number(2, 'dim', 0));
    const size = x.shape[axis] as number;
    const bound = (i: number): number => Math.min(Math.max(i < 0 ? i + size : i, 0), size);
    const [start, stop] = [bound(call.number(3, 'start', 0)), bound(call.number(4, 'end', size))];
    const step = call.number(5, 'step', 1);
    const at = Array.from({ length: Math.ceil((stop - start) / step) }, (_, i) => start + i * step);
    return replaced(x, axis, at, source);
  },
  take: (call) => {
    const [x, index] = [call.tensor(0).flatten(), whole(call.tensor(1, 'index'))];
    return x.take(core.where(index.less(0), index.add(x.size), index));
  },
  take_along_dim: (call) => {
    const [x, index] = [call.tensor(0), whole(call.tensor(1, 'indices'))];
    const dim = call.optionalNumber(2, 'dim');
    if (dim === null) return x.flatten().takeAlong(index.flatten(), 0);
    const axis = axisOf(x, dim);
    const shape = core.broadcastShapes(
      'take_along_dim',
      [x.shape, index.shape].map((s) => s.map((n, i) => (i === axis ? 1 : n))),
    );
    const spreadTo = (t: Tensor): Tensor =>
      t.expand(shape.map((n, i) => (i === axis ? (t.shape[i] as number) : n)));
    return spreadTo(x).takeAlong(spreadTo(index), axis);
  },
};

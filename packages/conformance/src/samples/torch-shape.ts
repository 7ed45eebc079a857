/** PyTorch's creation functions and changes of shape in our ops. */

import type { Tensor } from '@tenon/core';
import * as core from '@tenon/core';
import type { TorchCall, TorchOp, TorchOps } from './torch.ts';
import { arange, made, pad } from './torch-pad.ts';

function simple(fn: (x: Tensor) => Tensor): TorchOp {
  return (call) => fn(call.tensor(0));
}
/** Sizes as one list or one by one. */
function sizes(call: TorchCall, position = 1): number[] {
  return call.sample.args
    .slice(position)
    .flatMap((value) => (Array.isArray(value) ? value : [value]) as number[]);
}
const reshapeTo: TorchOp = (call) => call.tensor(0).reshape(sizes(call));
const like: TorchOp = (call) => call.tensor(0).reshape(call.tensor(1, 'other').shape);
const atLeast =
  (rank: number): TorchOp =>
  (call) => {
    const x = call.tensor(0);
    if (x.rank >= rank) return x.contiguous();
    if (rank === 3 && x.rank === 2) return x.unsqueeze(-1);
    if (rank === 3 && x.rank === 1) return x.reshape([1, -1, 1]);
    return x.reshape([...Array(rank - x.rank).fill(1), ...x.shape]);
  };
/** Lists are tensors at position 0, or all positions. */
function parts(call: TorchCall): Tensor[] {
  return Array.isArray(call.raw(0, 'tensors')) ? call.tensors(0) : call.rest(0);
}
const flipped = (axis: number): TorchOp => simple((x) => x.flip(axis));

/** Pieces by a number of pieces or by positions, along an axis. */
function pieces(x: Tensor, how: number | readonly number[], dim: number): Tensor[] {
  const size = x.shape.at(dim) as number;
  if (typeof how !== 'number') {
    const edges = [0, ...how.map((at) => Math.min(at < 0 ? at + size : at, size)), size];
    const counts = edges.slice(1).map((edge, i) => Math.max(0, edge - (edges[i] as number)));
    return x.split(counts, dim);
  }
  const [least, more] = [Math.floor(size / how), size % how];
  return x.split(
    Array.from({ length: how }, (_, i) => least + (i < more ? 1 : 0)),
    dim,
  );
}
function split(dim: (x: Tensor) => number): TorchOp {
  return (call) => {
    const how = call.raw(1, 'indices_or_sections');
    const x = call.tensor(0);
    return pieces(x, typeof how === 'number' ? how : call.sizes(1, 'indices_or_sections'), dim(x));
  };
}
function stackOn(axis: number, lift: (x: Tensor) => Tensor): TorchOp {
  return (call) => core.concat(parts(call).map(lift), axis);
}
const toMatrix = (x: Tensor): Tensor => (x.rank < 2 ? x.reshape([1, -1]) : x);

/** A diagonal as a new last axis, by one slice of the flattened pair of axes. */
export function diagonalOf(input: Tensor, offset: number, dim1: number, dim2: number): Tensor {
  const [a, b] = [dim1, dim2].map((dim) => (dim < 0 ? dim + input.rank : dim)) as [number, number];
  const rest = input.shape.map((_, i) => i).filter((i) => i !== a && i !== b);
  const x = input.permute([...rest, a, b]);
  const [rows, columns] = x.shape.slice(-2) as [number, number];
  const [row, column] = [Math.max(0, -offset), Math.max(0, offset)];
  const length = Math.max(0, Math.min(rows - row, columns - column));
  const flat = x.flatten(-2);
  const first = row * columns + column;
  const keep = rest.map(() => null);
  return flat.slice(
    ...keep,
    length === 0 ? [0, 0] : [first, first + (length - 1) * (columns + 1) + 1, columns + 1],
  );
}
/** A matrix with the last axis of x on a diagonal. */
export function embedDiagonal(x: Tensor, offset: number): Tensor {
  const n = x.shape.at(-1) as number;
  const size = n + Math.abs(offset);
  const row = core.arange(size).unsqueeze(1);
  const isOn = core.arange(size).sub(row).equal(offset);
  const lead = x.shape.slice(0, -1).map((): [number, number] => [0, 0]);
  const before = Math.max(0, offset);
  const padded = x.pad([...lead, [before, size - n - before]]);
  return core.where(isOn, padded.unsqueeze(-2), 0);
}
function diagEmbed(call: TorchCall): Tensor {
  const y = embedDiagonal(call.tensor(0), call.number(9, 'offset', 0));
  const rank = y.rank;
  const [a, b] = [call.number(9, 'dim1', -2), call.number(9, 'dim2', -1)].map((dim) =>
    dim < 0 ? dim + rank : dim,
  ) as [number, number];
  const order = Array.from({ length: rank }, (_, i) => i - Number(i > a) - Number(i > b));
  order[a] = rank - 2;
  order[b] = rank - 1;
  return y.permute(order);
}

export const TORCH_SHAPE: TorchOps = {
  T: simple((x) => x.permute(x.shape.map((_, i) => x.rank - 1 - i))),
  arange,
  atleast_1d: atLeast(1),
  atleast_2d: atLeast(2),
  atleast_3d: atLeast(3),
  block_diag: (call) => {
    const blocks = call.rest(0).map(toMatrix);
    const width = blocks.reduce((n, x) => n + (x.shape[1] as number), 0);
    let left = 0;
    return core.concat(
      blocks.map((x) => {
        const before = left;
        left += x.shape[1] as number;
        return x.pad([
          [0, 0],
          [before, width - left],
        ]);
      }),
    );
  },
  broadcast_tensors: (call) => {
    const list = call.rest(0);
    const shape = core.broadcastShapes(
      'broadcast_tensors',
      list.map((x) => x.shape),
    );
    return list.map((x) => x.expand(shape));
  },
  broadcast_to: (call) => call.tensor(0).expand(sizes(call)),
  cartesian_prod: (call) => {
    const list = call.rest(0);
    if (list.length === 1) return list[0] as Tensor;
    const shape = list.map((x) => x.size);
    const grids = list.map((x, i) =>
      x.reshape(shape.map((_, k) => (k === i ? -1 : 1))).expand(shape),
    );
    return core.stack(
      grids.map((x) => x.flatten()),
      1,
    );
  },
  cat: (call) => {
    const list = call
      .tensors(0)
      .filter((x) => !(x.rank === 1 && x.size === 0) || call.tensors(0).every((t) => t.rank === 1));
    return core.concat(list, call.number(1, 'dim', 0));
  },
  chunk: (call) => call.tensor(0).chunk(call.number(1, 'chunks'), call.number(2, 'dim', 0)),
  column_stack: stackOn(1, (x) => (x.rank < 2 ? x.reshape([-1, 1]) : x)),
  combinations: (call) => {
    const [r, isRepeated] = [call.number(1, 'r', 2), call.boolean(2, 'with_replacement')];
    const x = call.tensor(0);
    const list: number[][] = [];
    const extend = (chosen: number[], from: number): void => {
      if (chosen.length === r) list.push(chosen);
      else for (let i = from; i < x.size; i++) extend([...chosen, i], isRepeated ? i : i + 1);
    };
    extend([], 0);
    return r === 0 ? 'combinations of nothing' : x.take(list.flat()).reshape([list.length, r]);
  },
  constant_pad_nd: pad,
  diag: (call) => {
    const [x, offset] = [call.tensor(0), call.number(1, 'diagonal', 0)];
    return x.rank === 1 ? embedDiagonal(x, offset) : diagonalOf(x, offset, 0, 1);
  },
  diag_embed: diagEmbed,
  diagflat: (call) => embedDiagonal(call.tensor(0).flatten(), call.number(1, 'offset', 0)),
  diagonal: (call) =>
    diagonalOf(
      call.tensor(0),
      call.number(1, 'offset', 0),
      call.number(2, 'dim1', 0),
      call.number(3, 'dim2', 1),
    ),
  dsplit: split(() => 2),
  dstack: stackOn(2, (x) => {
    const m = toMatrix(x);
    return m.rank === 2 ? m.unsqueeze(-1) : m;
  }),
  expand: (call) => call.tensor(0).expand(sizes(call)),
  expand_as: (call) => call.tensor(0).expand(call.tensor(1, 'other').shape),
  eye: (call) => {
    const [n, m] = call.sample.args.map(Number);
    return made(call, (dtype) =>
      core.eye(n as number, m ?? (n as number), dtype === undefined ? {} : { dtype }),
    );
  },
  flatten: (call) =>
    call.tensor(0).flatten(call.number(1, 'start_dim', 0), call.number(2, 'end_dim', -1)),
  flip: (call) => call.tensor(0).flip(call.sizes(1, 'dims')),
  fliplr: flipped(1),
  flipud: flipped(0),
  hsplit: split((x) => (x.rank === 1 ? 0 : 1)),
  hstack: (call) => {
    const list = parts(call).map((x) => (x.rank === 0 ? x.reshape([1]) : x));
    return core.concat(list, (list[0] as Tensor).rank === 1 ? 0 : 1);
  },
  linspace: (call) => {
    const [start, stop, steps] = call.sample.args.map(Number) as [number, number, number];
    const dtype = call.dtype(9, 'dtype');
    if (dtype === 'i32') return 'linspace of integers is an error here where steps are fractions';
    return core.linspace(start, stop, steps);
  },
  mT: simple((x) => x.transpose()),
  meshgrid: (call) => {
    const list = call.rest(0);
    const isXY = call.text(9, 'indexing', 'ij') === 'xy' && list.length > 1;
    const order = isXY ? [1, 0, ...list.map((_, i) => i).slice(2)] : list.map((_, i) => i);
    const shape = order.map((i) => (list[i] as Tensor).size);
    return list.map((x, i) =>
      x.reshape(shape.map((_, k) => (order[k] === i ? -1 : 1))).expand(shape),
    );
  },
  movedim: (call) => {
    const x = call.tensor(0);
    const wrap = (dims: number[]): number[] => dims.map((dim) => (dim < 0 ? dim + x.rank : dim));
    const [source, target] = [wrap(call.sizes(1, 'source')), wrap(call.sizes(2, 'destination'))];
    const rest = x.shape.map((_, i) => i).filter((i) => !source.includes(i));
    const order = x.shape.map((_, i) => {
      const at = target.indexOf(i);
      return at >= 0 ? (source[at] as number) : (rest.shift() as number);
    });
    return x.permute(order);
  },
  narrow: async (call) => {
    const start = call.optional(2, 'start');
    const from = start === null ? call.number(2, 'start') : await start.item();
    return call.tensor(0).narrow(call.number(1, 'dim'), from, call.number(3, 'length'));
  },
  'nn.functional.pad': pad,
  permute: (call) => call.tensor(0).permute(sizes(call)),
  ravel: simple((x) => x.flatten()),
  repeat: (call) => call.tensor(0).repeat(sizes(call)),
  repeat_interleave: async (call) => {
    const dim = call.optionalNumber(2, 'dim');
    const x = dim === null ? call.tensor(0).flatten() : call.tensor(0);
    const axis = dim ?? 0;
    const repeats = call.optional(1, 'repeats');
    const n = x.shape.at(axis) as number;
    const counts =
      repeats === null ? Array(n).fill(call.number(1, 'repeats')) : [...(await repeats.data())];
    return x.take(
      Array.from({ length: n }, (_, i) =>
        Array(counts.length === 1 ? counts[0] : counts[i]).fill(i),
      ).flat(),
      axis,
    );
  },
  reshape: reshapeTo,
  reshape_as: like,
  roll: (call) => {
    const [x, dims] = [call.tensor(0), call.numbers(2, 'dims')];
    if (x.rank === 0) return x.contiguous();
    return dims === undefined || dims.length === 0
      ? x.roll(call.sizes(1, 'shifts'))
      : x.roll(call.sizes(1, 'shifts'), dims);
  },
  rot90: (call) => {
    const dims = call.numbers(2, 'dims') ?? [0, 1];
    const [a, b] = dims as [number, number];
    const x = call.tensor(0);
    const k = ((call.number(1, 'k', 1) % 4) + 4) % 4;
    if (k === 0) return x.contiguous();
    if (k === 2) return x.flip([a, b]);
    return k === 1 ? x.flip(b).transpose(a, b) : x.transpose(a, b).flip(b);
  },
  select: (call) => {
    const [dim, index] = [call.number(1, 'dim'), call.number(2, 'index')];
    const x = call.tensor(0);
    const at = dim < 0 ? dim + x.rank : dim;
    return x.at(...Array(at).fill(null), index);
  },
  slice: (call) => {
    const x = call.tensor(0);
    const dim = call.number(1, 'dim', 0);
    const at = dim < 0 ? dim + x.rank : dim;
    const stop = call.optionalNumber(3, 'end');
    const range: [number | null, number | null, number] = [
      call.optionalNumber(2, 'start'),
      stop,
      call.number(4, 'step', 1),
    ];
    return x.slice(...Array(at).fill(null), range);
  },
  split: (call) => {
    const how = call.raw(1, 'split_size_or_sections');
    const x = call.tensor(0);
    const dim = call.number(2, 'dim', 0);
    return x.split(typeof how === 'number' ? how : call.sizes(1, 'split_size_or_sections'), dim);
  },
  split_with_sizes: (call) =>
    call.tensor(0).split(call.sizes(1, 'split_sizes'), call.number(2, 'dim', 0)),
  squeeze: (call) => {
    const x = call.tensor(0);
    const dim = call.optionalNumber(1, 'dim');
    if (dim === null) return x.squeeze();
    return x.shape.at(dim) === 1
      ? x.squeeze(dim)
      : 'squeezing an axis that is not 1 is a ShapeError here';
  },
  stack: (call) => core.stack(call.tensors(0), call.number(1, 'dim', 0)),
  sum_to_size: (call) => {
    const x = call.tensor(0);
    const shape = sizes(call);
    const lead = x.rank - shape.length;
    const axes = x.shape
      .map((_, i) => i)
      .filter((i) => i < lead || (shape[i - lead] === 1 && x.shape[i] !== 1));
    return x.sum(axes).reshape(shape);
  },
  t: simple((x) => (x.rank < 2 ? x.contiguous() : x.transpose())),
  tensor_split: async (call) => {
    const how = call.optional(1, 'tensor_indices_or_sections');
    const x = call.tensor(0);
    const dim = call.number(2, 'dim', 0);
    if (how === null) {
      const raw = call.raw(1, 'indices');
      return pieces(x, typeof raw === 'number' ? raw : call.sizes(1, 'indices'), dim);
    }
    const values = [...(await how.data())];
    return pieces(x, how.rank === 0 ? (values[0] as number) : values, dim);
  },
  tile: (call) => {
    const dims = sizes(call);
    const x = call.tensor(0);
    return x.repeat([...Array(Math.max(0, x.rank - dims.length)).fill(1), ...dims]);
  },
  transpose: (call) => {
    const x = call.tensor(0);
    return x.transpose(call.number(1, 'dim0'), call.number(2, 'dim1'));
  },
  tril: (call) => call.tensor(0).tril(call.number(1, 'diagonal', 0)),
  triu: (call) => call.tensor(0).triu(call.number(1, 'diagonal', 0)),
  unbind: (call) => call.tensor(0).unstack(call.number(1, 'dim', 0)),
  unflatten: (call) => {
    const x = call.tensor(0);
    const dim = call.number(1, 'dim');
    const at = dim < 0 ? dim + x.rank : dim;
    const given = call.sizes(2, 'sizes');
    const known = given.reduce((n, m) => (m < 0 ? n : n * m), 1);
    const filled = given.map((n) => (n < 0 ? (x.shape[at] as number) / known : n));
    return x.reshape([...x.shape.slice(0, at), ...filled, ...x.shape.slice(at + 1)]);
  },
  unfold: (call) => {
    const x = call.tensor(0);
    const dim = call.number(1, 'dimension');
    const at = dim < 0 ? dim + x.rank : dim;
    return x.unfold(at, call.number(2, 'size'), call.number(3, 'step')).moveAxis(at + 1, -1);
  },
  unsqueeze: (call) => call.tensor(0).unsqueeze(call.number(1, 'dim')),
  view: reshapeTo,
  view_as: like,
  vsplit: split(() => 0),
  vstack: stackOn(0, toMatrix),
};

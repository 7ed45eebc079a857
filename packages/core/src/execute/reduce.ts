/** Reductions: a region with one reduce step; what is reduced over nothing gets the identity. */
import type { TensorType } from '../backend.ts';
import type { Region, Result } from '../graph/region.ts';
import { library } from '../memory/ownership.ts';
import type { ReduceAttrs, ReducePrimitive } from '../primitive.ts';
import { copy } from '../primitives/unary.ts';
import type { Runtime } from '../runtime.ts';
import type { Tensor } from '../tensor.ts';
import { launchRegion, output } from './launch.ts';
import { dense, fill, map } from './map.ts';

export function reduce(
  runtime: Runtime,
  primitive: ReducePrimitive<unknown>,
  input: Tensor,
  { axes }: ReduceAttrs,
  type: TensorType,
): Tensor {
  const out = output(runtime, type);
  if (out.size === 0) return out;
  if (input.size === 0) {
    const identity = primitive.reducer === 'prod' ? 1 : 0;
    fill(runtime, out, identity);
    return out;
  }
  if (axes.length === 0) return map(runtime, copy, [input], type);
  if (input.source.kind === 'constant') {
    return library(() => reduce(runtime, primitive, dense(input), { axes }, type));
  }
  const x = input;
  const kept = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const order = [...kept, ...axes];
  const { dtype, layout } = x;
  const strides = order.map((axis) => layout.strides[axis] as number);
  const outStrides = order.map((_, i) => (i < kept.length ? (out.layout.strides[i] as number) : 0));
  const result: Result = {
    dtype: out.dtype,
    isIota: false,
    offset: 0,
    strides: outStrides,
    step: 1,
    domain: 'kept',
    alias: -1,
  };
  const region: Region = {
    keptRank: kept.length,
    sizes: order.map((axis) => x.shape[axis] as number),
    inputs: [{ dtype, isIota: x.source.kind === 'iota', offset: layout.offset, strides }],
    outputs: [result],
    steps: [
      { op: 'load', index: 0, dtype },
      { op: 'reduce', reducer: primitive.reducer, args: [0], dtype },
    ],
    constants: [],
    program: `${primitive.name},${dtype}`,
  };
  launchRegion(runtime, region, [x], [out]);
  return out;
}

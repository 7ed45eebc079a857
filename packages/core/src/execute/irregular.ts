/** Kernels that want dense operands, and concat: one copying region for each part. */
import type { TensorType } from '../backend.ts';
import { launch, type Result } from '../graph/region.ts';
import { sliceLayout } from '../layout.ts';
import { library } from '../memory/ownership.ts';
import type { KernelPrimitive } from '../primitive.ts';
import { copy } from '../primitives/unary.ts';
import type { Runtime } from '../runtime.ts';
import { Tensor } from '../tensor.ts';
import { isDense, launchRegion, output, storageOf } from './launch.ts';
import { dense, fill, mapRegion } from './map.ts';

export function concat(
  runtime: Runtime,
  inputs: readonly Tensor[],
  { axis }: { axis: number },
  type: TensorType,
): Tensor {
  const out = output(runtime, type);
  const starts = type.shape.map(() => 0);
  const steps = type.shape.map(() => 1);
  for (const x of inputs) {
    if (x.size > 0) {
      const place = sliceLayout(out.layout, starts, x.shape, steps);
      const part = new Tensor(runtime, out.source, place, out.dtype);
      const region = mapRegion(copy, [x], part);
      const target = { ...(region.outputs[0] as Result), offset: place.offset };
      launchRegion(runtime, { ...region, outputs: [target] }, [x], [part]);
    }
    starts[axis] = (starts[axis] as number) + (x.shape[axis] as number);
  }
  return out;
}

export function kernel(
  runtime: Runtime,
  primitive: KernelPrimitive<unknown>,
  inputs: readonly Tensor[],
  attrs: unknown,
  type: TensorType,
): Tensor {
  if (!inputs.every(isDense)) {
    return library(() => kernel(runtime, primitive, inputs.map(dense), attrs, type));
  }
  const out = output(runtime, type);
  if (out.size === 0) return out;
  if (inputs.every((x) => x.size === 0)) {
    const isPad = primitive.name === 'pad';
    fill(runtime, out, isPad ? (attrs as { value: number }).value : 0);
    return out;
  }
  const spec = primitive.spec(inputs, attrs, runtime.backend.capabilities.bounds);
  const key = JSON.stringify(spec);
  let prepared = runtime.kernels.get(key);
  if (prepared === undefined) {
    prepared = runtime.prepare(spec);
    runtime.kernels.set(key, prepared);
  }
  const words = primitive.words(inputs, type, attrs);
  launch(runtime, { kernel: prepared, words }, [...inputs, out].map(storageOf));
  return out;
}

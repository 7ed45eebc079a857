/**
 * Running one primitive eagerly: views change the layout, everything else becomes a launch into a
 * fresh dense output. Core decides types, allocates, copies where a kernel wants dense operands,
 * and knows the empty cases; a backend sees only specs and words.
 */
import type { TensorType } from '../backend.ts';
import type { Primitive, ReduceAttrs, ViewPrimitive } from '../primitive.ts';
import { scope } from '../scope.ts';
import { Tensor } from '../tensor.ts';
import { concat, kernel } from './irregular.ts';
import { dense, map } from './map.ts';
import { matmul } from './matmul.ts';
import { reduce } from './reduce.ts';

/** Runs a primitive on its inputs; `type` is the type rule's answer. */
export function execute(
  primitive: Primitive,
  inputs: readonly Tensor[],
  attrs: unknown,
  type: TensorType,
): Tensor {
  const { runtime } = inputs[0] as Tensor;
  runtime.memory.tick();
  switch (primitive.kind) {
    case 'view':
      return view(primitive, inputs[0] as Tensor, attrs);
    case 'map':
      return map(runtime, primitive, inputs, type);
    case 'reduce':
      return reduce(runtime, primitive, inputs[0] as Tensor, attrs as ReduceAttrs, type);
    case 'matmul':
      return matmul(runtime, inputs[0] as Tensor, inputs[1] as Tensor, type);
    case 'concat':
      return concat(runtime, inputs, attrs as { axis: number }, type);
    case 'kernel':
      return kernel(runtime, primitive, inputs, attrs, type);
    default:
      return primitive satisfies never;
  }
}

function view(primitive: ViewPrimitive<unknown>, x: Tensor, attrs: unknown): Tensor {
  const layout = primitive.view(x.layout, attrs);
  if (layout === null) return view(primitive, dense(x), attrs);
  const { source } = x;
  if (source.kind === 'storage') {
    source.use();
    // Outside library code the user now holds this memory; inside, a variable that is assigned
    // must not free what the view still shows.
    if (scope.frame === null) source.isExposed = true;
    else if (source.frame === null && !source.isExposed) scope.frame.adopt(source);
  }
  return new Tensor(x.runtime, source, layout, x.dtype);
}

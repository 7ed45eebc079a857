/**
 * Traces: a function runs with a recorder in scope, so each bind becomes a node, not a launch.
 * A traced tensor is an ordinary Tensor whose source is a value of the graph and whose layout is
 * real: views, broadcasting and checks are the eager code, and views never become nodes.
 */
import type { DType } from '../dtype.ts';
import { denseLayout, type Layout } from '../layout.ts';
import type { Primitive } from '../primitive.ts';
import { copy } from '../primitives/unary.ts';
import type { Runtime } from '../runtime.ts';
import { type Recorder, withScope } from '../scope.ts';
import type { Shape } from '../shape.ts';
import type { Source } from '../source.ts';
import { Tensor } from '../tensor.ts';

/** How a node reads an operand: a source seen through a layout. */
export interface Read {
  readonly source: Source;
  readonly layout: Layout;
  readonly dtype: DType;
}
/** One primitive that is not a view. Its value is dense; `id` numbers values in order. */
export interface GraphNode {
  readonly id: number;
  readonly primitive: Primitive;
  readonly inputs: readonly Read[];
  readonly attrs: unknown;
  readonly shape: Shape;
  readonly dtype: DType;
}
/** Values 0 … inputs - 1 are the function's inputs; each node adds one. */
export interface Graph {
  readonly inputs: number;
  readonly nodes: readonly GraphNode[];
  readonly outputs: readonly Read[];
}

class GraphRecorder implements Recorder {
  readonly nodes: GraphNode[] = [];
  readonly #inputs: number;
  constructor(inputs: number) {
    this.#inputs = inputs;
  }

  record(primitive: Primitive, inputs: readonly Tensor[], attrs: unknown): Tensor {
    const { runtime } = inputs[0] as Tensor;
    const { shape, dtype } = primitive.type(inputs, attrs);
    const x = inputs[0] as Tensor;
    if (primitive.kind === 'view') {
      const layout = primitive.view(x.layout, attrs);
      if (layout !== null) return new Tensor(runtime, x.source, layout, dtype);
      const copied = this.#add(runtime, copy, inputs, null, x.shape, dtype);
      return this.record(primitive, [copied], attrs);
    }
    return this.#add(runtime, primitive, inputs, attrs, shape, dtype);
  }

  #add(
    runtime: Runtime,
    primitive: Primitive,
    inputs: readonly Tensor[],
    attrs: unknown,
    shape: Shape,
    dtype: DType,
  ): Tensor {
    const id = this.#inputs + this.nodes.length;
    this.nodes.push({ id, primitive, inputs: inputs.map(readOf), attrs, shape, dtype });
    const source: Source = { kind: 'traced', id, op: primitive.name };
    return new Tensor(runtime, source, denseLayout(shape), dtype);
  }
}

function readOf({ source, layout, dtype }: Tensor): Read {
  return { source, layout, dtype };
}

/** The graph of fn over inputs of these layouts. Constants and iotas stay what they are. */
export function trace(
  inputs: readonly Tensor[],
  fn: (inputs: readonly Tensor[]) => readonly Tensor[],
): Graph {
  const recorder = new GraphRecorder(inputs.length);
  const symbols = inputs.map(({ runtime, source, layout, dtype }, id) => {
    const isValue = source.kind === 'storage' || source.kind === 'traced';
    const symbol: Source = isValue ? { kind: 'traced', id, op: 'input' } : source;
    return new Tensor(runtime, symbol, layout, dtype);
  });
  const outputs = withScope('trace', { recorder, isGradEnabled: false }, () => fn(symbols));
  return { inputs: inputs.length, nodes: recorder.nodes, outputs: outputs.map(readOf) };
}

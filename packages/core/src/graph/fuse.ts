/**
 * One loop nest from a whole graph, where the graph is one: all maps and reductions over one frame
 * (a full shape and the axes reduced in it). By structure only, no op is named. A composite that
 * fits runs as a single launch, on every backend, whether or not anything is compiled.
 */
import type { Step } from '../backend.ts';
import type { DType } from '../dtype.ts';
import { denseLayout, denseStrides, type Layout } from '../layout.ts';
import type { Storage } from '../memory/ownership.ts';
import type { ReduceAttrs } from '../primitive.ts';
import type { Runtime } from '../runtime.ts';
import { reducedShape, type Shape, sameShape, sizeOf } from '../shape.ts';
import { Tensor } from '../tensor.ts';
import {
  launch,
  type Operand,
  type Prepared,
  prepareRegion,
  type Region,
  type RegionConstant,
  type Result,
} from './region.ts';
import { type Graph, type GraphNode, type Read, trace } from './trace.ts';

/** A fused graph ready to launch over inputs of the layouts it was made for. */
interface Plan {
  readonly prepared: Prepared;
  /** Which of the function's inputs is each buffer input. */
  readonly order: readonly number[];
  readonly outputs: readonly { readonly shape: Shape; readonly dtype: DType }[];
  /** Per output: the function's input whose storage it overwrites, or -1. */
  readonly updates: readonly number[];
}

/** Plans by runtime and key; null: this graph is more than one loop nest. */
const plans = new WeakMap<Runtime, Map<string, Plan | null>>();
/** Sizes and strides are part of the key, so a program with ever-new shapes would grow it. */
const MAX_PLANS = 2000;

/**
 * Runs `fn` as one region, or gives null where it is not one. `id` and attrs stand for fn. Output i
 * overwrites the storage of input `updates[i]`, if there is one.
 */
export function runAsRegion(
  id: string,
  inputs: readonly Tensor[],
  attrs: unknown,
  fn: (inputs: readonly Tensor[]) => readonly Tensor[],
  updates: readonly number[] = [],
): readonly Tensor[] | null {
  const { runtime } = inputs[0] as Tensor;
  let known = plans.get(runtime);
  if (known === undefined || known.size > MAX_PLANS) {
    known = new Map();
    plans.set(runtime, known);
  }
  const key = planKey(`${id}>${updates.join()}`, inputs, attrs);
  if (key === null) return null;
  let plan = known.get(key);
  if (plan === undefined) {
    plan = makePlan(runtime, trace(inputs, fn), updates);
    known.set(key, plan);
  }
  if (plan !== null) return run(runtime, plan, inputs);
  // What cannot be written in place may still be one nest.
  return updates.length === 0 ? null : runAsRegion(id, inputs, attrs, fn);
}

/** Null where attrs are more than plain data (functions, tensors): no text stands for them. */
function planKey(id: string, inputs: readonly Tensor[], attrs: unknown): string | null {
  let isPlain = true;
  const plain = (_name: string, value: unknown): unknown => {
    if (typeof value === 'number') return exactNumber(value);
    if (!isPlainData(value)) isPlain = false;
    return isPlain ? value : null;
  };
  const text = attrs === null ? '' : JSON.stringify(attrs, plain);
  return isPlain ? `${id}|${text}${inputs.map(inputKey).join('')}` : null;
}
/** JSON knows no ∞, NaN and -0. */
function exactNumber(value: number): number | string {
  return Number.isFinite(value) && !Object.is(value, -0) ? value : `#${exactText(value)}`;
}
function exactText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}
function isPlainData(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) {
    return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
  }
  return typeof value !== 'function' && typeof value !== 'bigint' && typeof value !== 'symbol';
}
function inputKey({ source, layout, dtype }: Tensor): string {
  const what = source.kind === 'constant' ? `=${exactText(source.value)}` : source.kind.charAt(0);
  return `|${dtype}${what}${layout.shape.join()};${layout.strides.join()};${layout.offset}`;
}

function run(runtime: Runtime, plan: Plan, inputs: readonly Tensor[]): readonly Tensor[] {
  runtime.memory.tick();
  const outputs = plan.outputs.map((type, i) => {
    const place = plan.updates[i] === -1 ? null : (inputs[plan.updates[i] as number] as Tensor);
    const source = place === null ? runtime.storageFor(type) : (place.source as Storage);
    return new Tensor(runtime, source, denseLayout(type.shape), type.dtype);
  });
  const tensors = [...plan.order.map((i) => inputs[i] as Tensor), ...outputs];
  const storages = tensors.flatMap(({ source }) => (source.kind === 'storage' ? [source] : []));
  launch(runtime, plan.prepared, storages);
  for (const i of plan.updates) {
    if (i !== -1) runtime.memory.overwritten((inputs[i] as Tensor).source as Storage);
  }
  return outputs;
}

function makePlan(runtime: Runtime, graph: Graph, updates: readonly number[]): Plan | null {
  const builder = RegionBuilder.of(graph, updates);
  const region = builder?.build() ?? null;
  if (builder === null || region === null) return null;
  const { maxBuffers, maxSteps } = runtime.backend.capabilities;
  const buffers = builder.order.length + region.outputs.filter(({ alias }) => alias === -1).length;
  if (buffers > maxBuffers || region.steps.length > maxSteps) return null;
  const outputs = graph.outputs.map(({ layout, dtype }) => ({ shape: layout.shape, dtype }));
  const { order } = builder;
  return {
    prepared: prepareRegion(runtime, region),
    order,
    outputs,
    updates: outputs.map((_, i) => updates[i] ?? -1),
  };
}

/** The full shape and the axes reduced in it. */
interface Frame {
  readonly full: Shape;
  readonly axes: readonly number[];
  readonly keptAxes: readonly number[];
}
interface Value {
  readonly step: number;
  readonly domain: 'kept' | 'full';
}

class RegionBuilder {
  readonly order: number[] = [];
  readonly #graph: Graph;
  readonly #frame: Frame;
  readonly #updates: readonly number[];
  readonly #steps: Step[] = [];
  readonly #inputs: Operand[] = [];
  readonly #constants: RegionConstant[] = [];
  /** Per operand: which of the function's inputs it reads, -1 for an iota. */
  readonly #sources: number[] = [];
  readonly #values = new Map<number, Value>();
  /** Steps already made for external operands, by what they read. */
  readonly #loads = new Map<string, number>();

  static of(graph: Graph, updates: readonly number[]): RegionBuilder | null {
    const frame = frameOf(graph);
    return frame === null ? null : new RegionBuilder(graph, frame, updates);
  }
  private constructor(graph: Graph, frame: Frame, updates: readonly number[]) {
    this.#graph = graph;
    this.#updates = updates;
    this.#frame = frame;
  }

  build(): Region | null {
    const live = liveNodes(this.#graph);
    for (const node of this.#graph.nodes) {
      if (live.has(node.id) && !this.#addNode(node)) return null;
    }
    const outputs = this.#outputs();
    if (outputs === null) return null;
    const { full, axes, keptAxes } = this.#frame;
    return {
      keptRank: keptAxes.length,
      sizes: [...keptAxes, ...axes].map((axis) => full[axis] as number),
      inputs: this.#inputs,
      outputs,
      steps: this.#steps,
      constants: this.#constants,
      program: `fused:${JSON.stringify([this.#steps, outputs.map((o) => [o.step, o.domain])])}`,
    };
  }

  #addNode(node: GraphNode): boolean {
    const domain = this.#domainOf(node.primitive.kind === 'reduce' ? this.#frame.full : node.shape);
    if (domain === null) return false;
    const args: number[] = [];
    for (const read of node.inputs) {
      const step = this.#operand(read, domain, node.primitive.kind === 'reduce');
      if (step === null) return false;
      args.push(step);
    }
    const { primitive, dtype } = node;
    if (primitive.kind === 'reduce') {
      const step: Step = {
        op: 'reduce',
        reducer: primitive.reducer,
        args: [args[0] as number],
        dtype,
      };
      this.#values.set(node.id, { step: this.#push(step), domain: 'kept' });
    } else if (primitive.kind === 'map' && primitive.scalar !== null) {
      const from = (node.inputs[node.inputs.length - 1] as Read).dtype;
      const step = this.#push({ op: primitive.scalar, args, dtype, from });
      this.#values.set(node.id, { step, domain });
    } else if (primitive.kind === 'map') {
      this.#values.set(node.id, { step: args[0] as number, domain });
    } else return false;
    return true;
  }

  #push(step: Step): number {
    this.#steps.push(step);
    return this.#steps.length - 1;
  }

  #domainOf(shape: Shape): 'kept' | 'full' | null {
    const { full, axes } = this.#frame;
    if (sameShape(shape, full)) return 'full';
    if (axes.length === 0) return null;
    const isKept =
      sameShape(shape, reducedShape(full, axes, false)) ||
      sameShape(shape, reducedShape(full, axes, true));
    return isKept ? 'kept' : null;
  }

  /** Strides over the nest of a layout that is seen in a domain. */
  #nestStrides(layout: Layout, domain: 'kept' | 'full'): number[] {
    const { full, axes, keptAxes } = this.#frame;
    if (domain === 'full')
      return [...keptAxes, ...axes].map((axis) => layout.strides[axis] as number);
    const isDropped = layout.shape.length !== full.length;
    const kept = keptAxes.map((axis, i) => layout.strides[isDropped ? i : axis] as number);
    return [...kept, ...axes.map(() => 0)];
  }

  #operand(read: Read, domain: 'kept' | 'full', isReduced: boolean): number | null {
    const { source, layout, dtype } = read;
    if (source.kind === 'constant') {
      const key = `${dtype}=${exactText(source.value)}`;
      return this.#once(key, () => {
        this.#constants.push({ dtype, value: source.value });
        return { op: 'const', index: this.#constants.length - 1, dtype };
      });
    }
    if (source.kind === 'traced' && source.id >= this.#graph.inputs) {
      const value = this.#values.get(source.id);
      if (value === undefined || !this.#isAligned(layout, value, domain)) return null;
      if (isReduced && value.domain === 'kept') return null;
      return value.step;
    }
    if (source.kind !== 'traced' && source.kind !== 'iota') return null;
    const strides = this.#nestStrides(layout, domain);
    const isIota = source.kind === 'iota';
    const name = isIota ? 'iota' : `${source.id}`;
    return this.#once(`${name}:${dtype};${layout.offset};${strides.join()}`, () => {
      this.#inputs.push({ dtype, isIota, offset: layout.offset, strides });
      this.#sources.push(isIota ? -1 : source.id);
      if (source.kind === 'traced') this.order.push(source.id);
      return { op: 'load', index: this.#inputs.length - 1, dtype };
    });
  }

  #once(key: string, make: () => Step): number {
    let step = this.#loads.get(key);
    if (step === undefined) {
      step = this.#push(make());
      this.#loads.set(key, step);
    }
    return step;
  }

  /** Whether a value is read position by position, or as a kept value spread along the rows. */
  #isAligned(layout: Layout, value: Value, domain: 'kept' | 'full'): boolean {
    if (layout.offset !== 0) return false;
    const { full, axes, keptAxes } = this.#frame;
    if (value.domain === 'full') return domain === 'full' && layout.isDense;
    const expected = denseStrides(keptAxes.map((axis) => full[axis] as number));
    const actual = this.#nestStrides(layout, domain);
    return [...keptAxes, ...axes].every((axis, i) => {
      if (full[axis] === 1) return true;
      return actual[i] === (i < keptAxes.length ? expected[i] : 0);
    });
  }

  /** The operand that output `i` overwrites, -1 for none; null: it is not read as it is written. */
  #aliasOf(i: number, strides: readonly number[]): number | null {
    const input = this.#updates[i];
    if (input === undefined) return -1;
    const readers = this.#inputs.flatMap((operand, k) => {
      if (operand.isIota) return [];
      return this.#sources[k] === input ? [k] : [];
    });
    const [alias, ...more] = readers;
    if (alias === undefined || more.length > 0) return null;
    const { offset, strides: own } = this.#inputs[alias] as Operand;
    return offset === 0 && own.join() === strides.join() ? alias : null;
  }

  #outputs(): Result[] | null {
    const { full, axes, keptAxes } = this.#frame;
    const results: Result[] = [];
    for (const { source, layout, dtype } of this.#graph.outputs) {
      const value = source.kind === 'traced' ? this.#values.get(source.id) : undefined;
      if (value === undefined || !layout.isDense) return null;
      const sizes = (value.domain === 'full' ? full : reducedShape(full, axes, false)) as Shape;
      if (sizeOf(sizes) !== layout.size) return null;
      const dense = denseLayout(sizes);
      const strides =
        value.domain === 'full'
          ? [...keptAxes, ...axes].map((axis) => dense.strides[axis] as number)
          : [...dense.strides, ...axes.map(() => 0)];
      const { step, domain } = value;
      const alias = this.#aliasOf(results.length, strides);
      if (alias === null) return null;
      results.push({ dtype, isIota: false, offset: 0, strides, step, domain, alias });
    }
    return results;
  }
}

/** The common frame of all maps and reductions; null where there is none, or nothing to do. */
function frameOf(graph: Graph): Frame | null {
  let full: Shape | null = null;
  let axes: readonly number[] = [];
  const live = liveNodes(graph);
  for (const { id, primitive, inputs, attrs } of graph.nodes) {
    if (primitive.kind !== 'reduce' || !live.has(id)) continue;
    // A reduce primitive's attrs are ReduceAttrs by its type.
    const own = (attrs as ReduceAttrs).axes;
    const { shape } = (inputs[0] as Read).layout;
    if (full !== null && !(sameShape(full, shape) && sameShape(axes, own))) return null;
    full = shape;
    axes = own;
  }
  const last = graph.nodes[graph.nodes.length - 1];
  if (last === undefined) return null;
  const frame = full ?? last.shape;
  if (sizeOf(frame) === 0 || (full !== null && axes.length === 0)) return null;
  const keptAxes = frame.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  return { full: frame, axes, keptAxes };
}

/** Nodes that an output depends on. */
function liveNodes(graph: Graph): ReadonlySet<number> {
  const live = new Set<number>();
  const visit = ({ source }: Read): void => {
    if (source.kind === 'traced' && source.id >= graph.inputs) live.add(source.id);
  };
  graph.outputs.forEach(visit);
  for (let i = graph.nodes.length - 1; i >= 0; i--) {
    const node = graph.nodes[i] as GraphNode;
    if (live.has(node.id)) node.inputs.forEach(visit);
  }
  return live;
}

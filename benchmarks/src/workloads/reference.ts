// Float64 references, written as plainly as the definitions. Cheap workloads are checked in full,
// matmul and conv at 1,000 hashed positions and the corners; every output must be finite besides.
// `allowed` bounds |got − value|: from f32 rounding (u = 2^-24) times the sum of |terms|, where a
// sum of k terms gets √k + 4 roundings; add must be exact; 1e-5 for what needs exp, tanh or sqrt.
import { bits, integers, uniform } from '../generator.ts';
import type {
  ConvTask,
  HostArray,
  LayerNormTask,
  MatmulTask,
  OpWorkload,
  OrderTask,
  SumTask,
} from './types.ts';

/** Expected values at some output positions, and how far each result may be from them. */
export interface Reference {
  readonly indices: Int32Array;
  readonly values: Float64Array;
  readonly allowed: Float64Array;
}

/** The outcome of comparing a result with its reference. */
export interface Verdict {
  readonly isCorrect: boolean;
  /** Empty when correct; otherwise what was expected and what came. */
  readonly message: string;
}

const ROUNDING = 2 ** -24;
const SAMPLES = 1000;
const TRANSCENDENTAL = 1e-5;

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** The operands of a workload, the same for each system. */
export function makeInputs(workload: OpWorkload): HostArray[] {
  return workload.inputs.map(({ shape, seed, below }) =>
    below === undefined ? uniform(seed, sizeOf(shape)) : integers(seed, sizeOf(shape), below),
  );
}

function everyIndex(count: number): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => i);
}

function sampledIndices(count: number): Int32Array {
  if (count <= SAMPLES) return everyIndex(count);
  const chosen = new Set([0, count - 1]);
  for (let i = 0; i < SAMPLES; i++) chosen.add(bits(99, i) % count);
  return Int32Array.from(chosen).sort();
}

/** One output as a sum of products; `forEach` calls back with the two factors of each term. */
type Products = (index: number, visit: (a: number, b: number) => void) => void;

function sumsOfProducts(indices: Int32Array, terms: number, products: Products): Reference {
  const values = new Float64Array(indices.length);
  const allowed = new Float64Array(indices.length);
  indices.forEach((index, i) => {
    let sum = 0;
    let magnitude = 0;
    products(index, (a, b) => {
      sum += a * b;
      magnitude += Math.abs(a * b);
    });
    values[i] = sum;
    allowed[i] = (Math.sqrt(terms) + 4) * ROUNDING * magnitude;
  });
  return { indices, values, allowed };
}

function matmulProducts(task: MatmulTask, a: HostArray, b: HostArray): Products {
  const { m, k, n, transposeA, transposeB } = task;
  return (index, visit) => {
    const row = Math.floor(index / n) % m;
    const column = index % n;
    const product = Math.floor(index / n / m);
    const [atA, atB] = [product * m * k, product * k * n];
    for (let p = 0; p < k; p++) {
      const x = a[atA + (transposeA ? p * m + row : row * k + p)]!;
      visit(x, b[atB + (transposeB ? column * k + p : p * n + column)]!);
    }
  };
}

function convProducts(task: ConvTask, x: HostArray, w: HostArray): Products {
  const { channels, size, outChannels, kernel, groups } = task;
  const inGroup = channels / groups;
  const outGroup = outChannels / groups;
  const half = (kernel - 1) / 2;
  return (index, visit) => {
    const column = index % size;
    const row = Math.floor(index / size) % size;
    const out = Math.floor(index / size ** 2) % outChannels;
    const image = Math.floor(index / size ** 2 / outChannels);
    const first = Math.floor(out / outGroup) * inGroup;
    for (let c = 0; c < inGroup; c++) {
      for (let i = 0; i < kernel ** 2; i++) {
        const y = row + Math.floor(i / kernel) - half;
        const z = column + (i % kernel) - half;
        if (y < 0 || y >= size || z < 0 || z >= size) continue;
        const plane = image * channels + first + c;
        visit(x[(plane * size + y) * size + z]!, w[(out * inGroup + c) * kernel ** 2 + i]!);
      }
    }
  };
}

function sumProducts(task: SumTask, x: HostArray): Products {
  const { rows, columns, axis } = task;
  return (index, visit) => {
    const count = axis === 1 ? columns : rows;
    for (let i = 0; i < count; i++)
      visit(x[axis === 1 ? index * columns + i : i * columns + index]!, 1);
  };
}

function elementwise(values: Float64Array, tolerance: (value: number) => number): Reference {
  return { indices: everyIndex(values.length), values, allowed: values.map(tolerance) };
}

function softmax(x: HostArray, columns: number): Float64Array {
  const out = new Float64Array(x.length);
  for (let start = 0; start < x.length; start += columns) {
    let max = Number.NEGATIVE_INFINITY;
    for (let i = start; i < start + columns; i++) max = Math.max(max, x[i]!);
    let sum = 0;
    for (let i = start; i < start + columns; i++) sum += Math.exp(x[i]! - max);
    for (let i = start; i < start + columns; i++) out[i] = Math.exp(x[i]! - max) / sum;
  }
  return out;
}

function layerNorm(task: LayerNormTask, inputs: readonly HostArray[]): Float64Array {
  const [x, weight, bias] = [inputs[0]!, inputs[1]!, inputs[2]!];
  const { columns, epsilon } = task;
  const out = new Float64Array(x.length);
  for (let start = 0; start < x.length; start += columns) {
    let mean = 0;
    for (let i = 0; i < columns; i++) mean += x[start + i]! / columns;
    let variance = 0;
    for (let i = 0; i < columns; i++) variance += (x[start + i]! - mean) ** 2 / columns;
    const scale = 1 / Math.sqrt(variance + epsilon);
    for (let i = 0; i < columns; i++) {
      out[start + i] = (x[start + i]! - mean) * scale * weight[i]! + bias[i]!;
    }
  }
  return out;
}

function order({ kind, rows, columns }: OrderTask, x: HostArray): Float64Array {
  const out: number[] = [];
  for (let row = 0; row < rows; row++) {
    const values = Array.from(x.subarray(row * columns, (row + 1) * columns));
    if (kind === 'argmax') out.push(values.indexOf(Math.max(...values)));
    else out.push(...values.sort((a, b) => a - b));
  }
  return Float64Array.from(out);
}

const exactly = (values: Float64Array): Reference => elementwise(values, () => 0);

/** The float64 reference of an operation on `inputs` (those of {@link makeInputs}). */
export function makeReference(workload: OpWorkload, inputs: readonly HostArray[]): Reference {
  const { task } = workload;
  const x = inputs[0]!;
  const y = inputs[1];
  const count = sizeOf(workload.outputShape);
  switch (task.kind) {
    case 'matmul':
      return sumsOfProducts(sampledIndices(count), task.k, matmulProducts(task, x, y!));
    case 'conv': {
      const terms = (task.channels / task.groups) * task.kernel ** 2;
      return sumsOfProducts(sampledIndices(count), terms, convProducts(task, x, y!));
    }
    case 'sum': {
      const terms = task.axis === 1 ? task.columns : task.rows;
      return sumsOfProducts(everyIndex(count), terms, sumProducts(task, x));
    }
    case 'softmax':
      return elementwise(softmax(x, task.columns), (v) => TRANSCENDENTAL * Math.abs(v));
    case 'layernorm':
      return elementwise(layerNorm(task, inputs), (v) => TRANSCENDENTAL * (1 + Math.abs(v)));
    case 'add':
    case 'dispatch':
      return exactly(Float64Array.from(x, (v, i) => Math.fround(v + y![i]!)));
    case 'argmax':
    case 'sort':
      return exactly(order(task, x));
    case 'gather': {
      const { rows, columns } = task;
      const at = (i: number): number => y![Math.floor(i / columns)]! * columns + (i % columns);
      return exactly(Float64Array.from({ length: rows * columns }, (_, i) => x[at(i)]!));
    }
    case 'tanh-chain': {
      const z = inputs[2]!;
      const values = Float64Array.from(x, (v, i) => Math.tanh(v * y![i]! + z[i]!) * 0.5);
      return elementwise(values, (v) => TRANSCENDENTAL * (0.1 + Math.abs(v)));
    }
    default:
      throw new Error(
        `makeReference: no reference for '${(task satisfies never as OpWorkload['task']).kind}'`,
      );
  }
}

/** Compares a whole result with a reference: its length, that all is finite, and each sample. */
export function compare(result: ArrayLike<number>, count: number, reference: Reference): Verdict {
  const wrong = (message: string): Verdict => ({ isCorrect: false, message });
  if (result.length !== count) {
    return wrong(`expected ${count} output elements, got ${result.length}`);
  }
  for (let i = 0; i < count; i++) {
    if (!Number.isFinite(result[i]))
      return wrong(`element ${i}: expected finite, got ${result[i]}`);
  }
  const { indices, values, allowed } = reference;
  for (let i = 0; i < indices.length; i++) {
    const got = result[indices[i]!]!;
    if (!(Math.abs(got - values[i]!) <= allowed[i]!)) {
      const limit = allowed[i]!.toExponential(1);
      return wrong(`element ${indices[i]}: expected ${values[i]} within ${limit}, got ${got}`);
    }
  }
  return { isCorrect: true, message: '' };
}

/**
 * How far a training loss may be from the float64 loss, relative to it, within 20 steps. Float32
 * runs drift apart step by step: PyTorch's by 1e-5 here, those with an f32 bias correction by 4e-5;
 * a wrong gradient or a forgotten bias correction is off by percents.
 */
export const LOSS_TOLERANCE = 1e-4;

/** Compares the losses of the first steps with the golden ones, as far as both go. */
export function compareLosses(losses: ArrayLike<number>, golden: readonly number[]): Verdict {
  const steps = Math.min(losses.length, golden.length);
  if (steps < 2) {
    return { isCorrect: false, message: `expected at least 2 losses, got ${losses.length}` };
  }
  for (let i = 0; i < steps; i++) {
    const [got, want] = [losses[i]!, golden[i]!];
    if (!(Math.abs(got - want) <= LOSS_TOLERANCE * Math.abs(want))) {
      const message = `loss after ${i} updates: expected ${want} within 1e-4, got ${got}`;
      return { isCorrect: false, message };
    }
  }
  return { isCorrect: true, message: '' };
}

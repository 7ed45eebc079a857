/**
 * Maps: one scalar step at every position, as a one-step region. The fast path serves operands that
 * are dense or constant: one axis, a kernel found by number, words written straight into a block.
 */
import type { Buffer, Kernel, Step, TensorType } from '../backend.ts';
import type { DType } from '../dtype.ts';
import { type Operand, prepareRegion, type Region, type RegionConstant } from '../graph/region.ts';
import type { Layout } from '../layout.ts';
import type { MapPrimitive } from '../primitive.ts';
import { copy } from '../primitives/unary.ts';
import type { Runtime } from '../runtime.ts';
import { SCALARS } from '../scalars.ts';
import { Tensor } from '../tensor.ts';
import { constantWords } from '../words.ts';
import { isDense, launchRegion, output } from './launch.ts';

const SCALAR_IDS: ReadonlyMap<string, number> = new Map(
  [...Object.keys(SCALARS), 'copy'].map((name, i) => [name, i]),
);
const DTYPE_IDS: Readonly<Record<DType, number>> = {
  f32: 0,
  i32: 1,
  u32: 2,
  bool: 3,
  f16: 4,
  f64: 5,
};

export function map(
  runtime: Runtime,
  primitive: MapPrimitive<unknown>,
  inputs: readonly Tensor[],
  type: TensorType,
): Tensor {
  const out = output(runtime, type);
  if (out.size === 0) return out;
  // Size 1 drops the axis and is another structure: it goes the general way.
  if (out.size > 1 && isAllDense(inputs, out.layout)) denseMap(runtime, primitive, inputs, out);
  else launchRegion(runtime, mapRegion(primitive, inputs, out), inputs, [out]);
  return out;
}

function isAllDense(inputs: readonly Tensor[], layout: Layout): boolean {
  for (let i = 0; i < inputs.length; i++) {
    const { source, layout: own } = inputs[i] as Tensor;
    if (source.kind === 'storage' ? own !== layout : source.kind !== 'constant') return false;
  }
  return true;
}

/** Buffers of the launch being assembled: reused, launch() may not keep it. */
const denseBuffers: Buffer[] = [];

/** The fast path: equal dense layouts and constants only, so one axis and a kernel by number. */
function denseMap(
  runtime: Runtime,
  primitive: MapPrimitive<unknown>,
  inputs: readonly Tensor[],
  out: Tensor,
): void {
  let constants = 0;
  let words = 3;
  for (let i = 0; i < inputs.length; i++) {
    const { source, dtype } = inputs[i] as Tensor;
    if (source.kind === 'constant') {
      constants |= 1 << i;
      words += dtype === 'f64' ? 2 : 1;
    } else words += 2;
  }
  const from = (inputs[inputs.length - 1] as Tensor).dtype;
  const id = SCALAR_IDS.get(primitive.name) as number;
  const key = ((id * 6 + DTYPE_IDS[from]) * 6 + DTYPE_IDS[out.dtype]) * 8 + constants;
  let kernel = runtime.denseKernels[key];
  if (kernel === undefined) {
    kernel = prepareRegion(runtime, mapRegion(primitive, inputs, out)).kernel;
    runtime.denseKernels[key] = kernel;
  }
  launchDense(runtime, kernel, inputs, out, words);
}

function launchDense(
  runtime: Runtime,
  kernel: Kernel,
  inputs: readonly Tensor[],
  out: Tensor,
  length: number,
): void {
  const args = runtime.words(length);
  let at = 0;
  args[at++] = out.size;
  denseBuffers.length = 0;
  for (let i = 0; i <= inputs.length; i++) {
    const { source } = i < inputs.length ? (inputs[i] as Tensor) : out;
    if (source.kind !== 'storage') continue;
    denseBuffers.push(source.use());
    args[at++] = 0;
    args[at++] = 1;
  }
  for (let i = 0; i < inputs.length; i++) {
    const { source, dtype } = inputs[i] as Tensor;
    if (source.kind !== 'constant') continue;
    for (const word of constantWords(dtype, source.value)) args[at++] = word;
  }
  runtime.launches++;
  runtime.backend.launch(kernel, denseBuffers, args);
}

/** A one-step region: load or const for each input, then the scalar op. */
export function mapRegion(
  primitive: MapPrimitive<unknown>,
  inputs: readonly Tensor[],
  out: Tensor,
): Region {
  const operands: Operand[] = [];
  const constants: RegionConstant[] = [];
  let program = primitive.name;
  const steps = inputs.map((x): Step => {
    const { dtype, layout, source } = x;
    if (source.kind === 'constant') {
      constants.push({ dtype, value: source.value });
      program += `,c${dtype}`;
      return { op: 'const', index: constants.length - 1, dtype };
    }
    const isIota = source.kind === 'iota';
    operands.push({ dtype, isIota, offset: layout.offset, strides: layout.strides });
    program += `,${dtype}`;
    return { op: 'load', index: operands.length - 1, dtype };
  });
  if (primitive.scalar !== null) {
    const from = (inputs[inputs.length - 1] as Tensor).dtype;
    steps.push({ op: primitive.scalar, args: inputs.map((_, i) => i), dtype: out.dtype, from });
  }
  const result = { dtype: out.dtype, isIota: false, offset: 0, strides: out.layout.strides };
  const step = steps.length - 1;
  return {
    keptRank: out.rank,
    sizes: out.shape,
    inputs: operands,
    outputs: [{ ...result, step, domain: 'kept', alias: -1 }],
    steps,
    constants,
    program: `${program}>${out.dtype}`,
  };
}

/** The tensor itself if its elements lie dense in a storage, else a dense copy. */
export function dense(tensor: Tensor): Tensor {
  return isDense(tensor) ? tensor : map(tensor.runtime, copy, [tensor], tensor);
}

/** Writes one value everywhere. */
export function fill(runtime: Runtime, out: Tensor, value: number): void {
  const constant = new Tensor(runtime, { kind: 'constant', value }, out.layout, out.dtype);
  launchRegion(runtime, mapRegion(copy, [constant], out), [constant], [out]);
}

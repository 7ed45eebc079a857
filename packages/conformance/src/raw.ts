/**
 * The backend interface by hand: specs, words and buffers made from host numbers, launched without
 * core. Used where a test is about the interface itself, or about one scalar row.
 */
import type {
  Backend,
  Buffer,
  DType,
  InputSpec,
  Kernel,
  KernelSpec,
  OutputSpec,
  RegionSpec,
  Step,
  StrideClass,
} from '@tenon/core';

export type HostArray =
  | Float32Array<ArrayBuffer>
  | Float64Array<ArrayBuffer>
  | Int32Array<ArrayBuffer>
  | Uint32Array<ArrayBuffer>;

/** Host numbers as a dtype lies in a buffer: bool is one int word. */
function hostArray(dtype: DType, values: ArrayLike<number>): HostArray {
  switch (dtype) {
    case 'f64':
      return Float64Array.from(values);
    case 'u32':
      return Uint32Array.from(values);
    case 'f32':
      return Float32Array.from(values);
    default:
      return Int32Array.from(values);
  }
}
/** Bytes of a buffer as numbers of a dtype. */
export function fromBytes(dtype: DType, bytes: Uint8Array<ArrayBuffer>): HostArray {
  const { buffer } = bytes.slice();
  switch (dtype) {
    case 'f64':
      return new Float64Array(buffer);
    case 'u32':
      return new Uint32Array(buffer);
    case 'f32':
      return new Float32Array(buffer);
    default:
      return new Int32Array(buffer);
  }
}
/** The launch words of a constant. */
function constantBits(dtype: DType, value: number): number[] {
  return [...new Int32Array(hostArray(dtype, [value]).buffer)];
}

/** A buffer with these contents. */
export function upload(backend: Backend, dtype: DType, values: ArrayLike<number>): Buffer {
  const data = hostArray(dtype, values);
  const buffer = backend.allocate(data.byteLength);
  if (data.byteLength > 0) backend.write(buffer, data);
  return buffer;
}
export async function download(backend: Backend, dtype: DType, buffer: Buffer): Promise<HostArray> {
  return fromBytes(dtype, await backend.read(buffer, 0, buffer.byteLength));
}

/** prepare for any spec but fused ones. */
export function prepare(backend: Backend, spec: KernelSpec): Kernel {
  if (spec.kind === 'fused') throw new Error('fused specs are prepared by their override');
  // Each member of the table takes its own member of the union.
  const make = backend.prepare[spec.kind] as (spec: KernelSpec) => Kernel;
  return make.call(backend.prepare, spec);
}

interface RegionOperand {
  readonly dtype: DType;
  readonly strides: readonly number[];
  readonly offset?: number;
}
interface RegionResult extends RegionOperand {
  readonly step: number;
  readonly domain?: 'kept' | 'full';
  readonly alias?: number;
}
/** A region with its numbers; strides over kept axes, then reduced axes. */
export interface RegionSample {
  readonly kept: readonly number[];
  readonly reduced?: readonly number[];
  readonly inputs: readonly (RegionOperand & { readonly isIota?: boolean })[];
  readonly outputs: readonly RegionResult[];
  readonly steps: readonly Step[];
  readonly constants?: readonly { readonly dtype: DType; readonly value: number }[];
}

function strideClass(stride: number | undefined): StrideClass {
  return stride === undefined || stride === 0 ? 0 : stride === 1 ? 1 : 2;
}

export function regionSpec(sample: RegionSample): RegionSpec {
  const { kept, reduced = [], inputs, outputs, steps, constants = [] } = sample;
  const keptRank = kept.length;
  const classes = (
    strides: readonly number[],
  ): { keptClass: StrideClass; reducedClass: StrideClass } => ({
    keptClass: strideClass(strides[keptRank - 1]),
    reducedClass: reduced.length === 0 ? 0 : strideClass(strides[strides.length - 1]),
  });
  const moves = (strides: readonly number[]): boolean =>
    strides.slice(keptRank).some((s) => s !== 0);
  return {
    kind: 'region',
    keptRank,
    reducedRank: reduced.length,
    inputs: inputs.map(({ dtype, strides, isIota = false }): InputSpec => {
      const domain = moves(strides) ? 'full' : 'kept';
      return { dtype, domain, source: isIota ? 'iota' : 'buffer', ...classes(strides) };
    }),
    outputs: outputs.map(({ dtype, strides, step, domain, alias = -1 }): OutputSpec => {
      const own = domain ?? (moves(strides) ? 'full' : 'kept');
      return { step, dtype, domain: own, alias, ...classes(strides) };
    }),
    steps,
    constants: constants.map(({ dtype }) => dtype),
  };
}

export function regionWords(sample: RegionSample): Int32Array {
  const { kept, reduced = [], inputs, outputs, constants = [] } = sample;
  return Int32Array.from([
    ...kept,
    ...reduced,
    ...[...inputs, ...outputs].flatMap(({ offset = 0, strides }) => [offset, ...strides]),
    ...constants.flatMap(({ dtype, value }) => constantBits(dtype, value)),
  ]);
}

/** Launches with the workspace that the kernel asks for. */
export function launch(
  backend: Backend,
  kernel: Kernel,
  buffers: readonly Buffer[],
  words: Int32Array,
): void {
  const bytes = kernel.workspace(words);
  if (bytes === 0) {
    backend.launch(kernel, buffers, words);
    return;
  }
  const workspace = backend.allocate(bytes);
  backend.launch(kernel, [...buffers, workspace], words);
  backend.free(workspace);
}

/** One scalar op over dense operands, by a region of its own. */
export async function runScalar(
  backend: Backend,
  op: Exclude<Step['op'], 'load' | 'const' | 'reduce'>,
  dtypes: { readonly operands: readonly DType[]; readonly result: DType },
  operands: readonly ArrayLike<number>[],
): Promise<HostArray> {
  const { operands: from, result } = dtypes;
  const n = (operands[0] as ArrayLike<number>).length;
  const loads = from.map((dtype, index): Step => ({ op: 'load', index, dtype }));
  const last = from[from.length - 1] as DType;
  const sample: RegionSample = {
    kept: [n],
    inputs: from.map((dtype) => ({ dtype, strides: [1] })),
    outputs: [{ dtype: result, strides: [1], step: from.length }],
    steps: [...loads, { op, args: from.map((_, i) => i), dtype: result, from: last }],
  };
  const inputs = operands.map((values, i) => upload(backend, from[i] as DType, values));
  const out = upload(backend, result, new Float64Array(n).fill(77));
  const kernel = prepare(backend, regionSpec(sample));
  launch(backend, kernel, [...inputs, out], regionWords(sample));
  const values = await download(backend, result, out);
  for (const buffer of [...inputs, out]) backend.free(buffer);
  return values;
}

/**
 * Launching regions: a scalar program over a loop nest becomes a kernel (prepared once for each
 * structure) and a block of words (sizes, offsets, strides, constants: fresh for each launch).
 */
import type { Buffer, InputSpec, Kernel, OutputSpec, RegionSpec, Step } from '../backend.ts';
import type { DType } from '../dtype.ts';
import type { Storage } from '../memory/ownership.ts';
import type { Runtime } from '../runtime.ts';
import { constantWords } from '../words.ts';
import { canonicalize, type Nest, strideClass } from './canonicalize.ts';

/** An operand of a region: strides over the whole nest, kept axes first. */
export interface Operand {
  readonly dtype: DType;
  readonly isIota: boolean;
  readonly offset: number;
  readonly strides: readonly number[];
}
/** An output and the step that it stores. */
export interface Result extends Operand {
  readonly step: number;
  /** Whether the step's value still moves along the reduced axes. */
  readonly domain: 'kept' | 'full';
  /** The input whose storage it overwrites, or -1. */
  readonly alias: number;
}
export interface RegionConstant {
  readonly dtype: DType;
  readonly value: number;
}
/** A region with its numbers, before a backend has seen it. */
export interface Region {
  readonly keptRank: number;
  /** Kept sizes, then reduced sizes. */
  readonly sizes: readonly number[];
  readonly inputs: readonly Operand[];
  readonly outputs: readonly Result[];
  readonly steps: readonly Step[];
  readonly constants: readonly RegionConstant[];
  /** Stands for the steps and all dtypes in cache keys. */
  readonly program: string;
}
/** A region ready to launch: everything but the buffers. */
export interface Prepared {
  readonly kernel: Kernel;
  readonly words: readonly number[];
}

export function prepareRegion(runtime: Runtime, region: Region): Prepared {
  const operands = [...region.inputs, ...region.outputs];
  const nest = canonicalize(
    region.keptRank,
    region.sizes,
    operands.map((operand) => operand.strides),
  );
  const key = regionKey(region, nest);
  let kernel = runtime.kernels.get(key);
  if (kernel === undefined) {
    kernel = runtime.prepare(regionSpec(region, nest));
    runtime.kernels.set(key, kernel);
  }
  const words: number[] = [...nest.sizes];
  operands.forEach((operand, k) => {
    words.push(operand.offset, ...(nest.strides[k] as readonly number[]));
  });
  for (const { dtype, value } of region.constants) words.push(...constantWords(dtype, value));
  return { kernel, words };
}

function regionKey(region: Region, nest: Nest): string {
  let key = `${region.program}|${nest.keptRank},${nest.sizes.length}`;
  const inputs = region.inputs.length;
  nest.strides.forEach((strides, k) => {
    const kept = strideClass(strides[nest.keptRank - 1]);
    const isFull = k < inputs ? isMoving(strides, nest.keptRank) : true;
    const reduced = strideClass(reducedStride(strides, nest));
    const isIota = k < inputs && (region.inputs[k] as Operand).isIota;
    key += `${isIota ? 'i' : 'b'}${isFull ? 'f' : 'k'}${kept}${reduced}`;
  });
  for (const { alias } of region.outputs) if (alias !== -1) key += `>${alias}`;
  return key;
}

function reducedStride(strides: readonly number[], nest: Nest): number | undefined {
  return strides.length > nest.keptRank ? strides[strides.length - 1] : 0;
}

function isMoving(strides: readonly number[], keptRank: number): boolean {
  for (let i = keptRank; i < strides.length; i++) if (strides[i] !== 0) return true;
  return false;
}

function regionSpec(region: Region, nest: Nest): RegionSpec {
  const { keptRank, strides } = nest;
  const classes = (list: readonly number[]): Pick<InputSpec, 'keptClass' | 'reducedClass'> => ({
    keptClass: strideClass(list[keptRank - 1]),
    reducedClass: strideClass(reducedStride(list, nest)),
  });
  const inputs = region.inputs.map((operand, k): InputSpec => {
    const list = strides[k] as readonly number[];
    const domain = isMoving(list, keptRank) ? 'full' : 'kept';
    const source = operand.isIota ? 'iota' : 'buffer';
    return { dtype: operand.dtype, domain, source, ...classes(list) };
  });
  const outputs = region.outputs.map(({ step, dtype, domain, alias }, k): OutputSpec => {
    const list = strides[inputs.length + k] as readonly number[];
    return { step, dtype, domain, ...classes(list), alias };
  });
  const reducedRank = nest.sizes.length - keptRank;
  const constants = region.constants.map(({ dtype }) => dtype);
  return { kind: 'region', keptRank, reducedRank, inputs, outputs, steps: region.steps, constants };
}

/** Buffers of the launch being assembled: reused, launch() may not keep it. */
const buffers: Buffer[] = [];

/** Launches a prepared kernel over storages: inputs (those with a buffer), then outputs. */
export function launch(
  runtime: Runtime,
  { kernel, words }: Prepared,
  storages: readonly Storage[],
): void {
  const args = runtime.words(words.length);
  for (let i = 0; i < words.length; i++) args[i] = words[i] as number;
  buffers.length = 0;
  for (let i = 0; i < storages.length; i++) buffers.push((storages[i] as Storage).use());
  const bytes = kernel.workspace(args);
  if (bytes === 0) {
    runtime.launches++;
    runtime.backend.launch(kernel, buffers, args);
    return;
  }
  const workspace = runtime.memory.scratch(bytes);
  try {
    buffers.push(workspace.use());
    runtime.launches++;
    runtime.backend.launch(kernel, buffers, args);
  } finally {
    runtime.memory.free(workspace);
  }
}

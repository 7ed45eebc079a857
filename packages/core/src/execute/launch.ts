/** What every lowering needs: outputs, storages, launching a region over tensors. */
import type { TensorType } from '../backend.ts';
import { DisposedError, TraceError } from '../errors.ts';
import { launch, prepareRegion, type Region } from '../graph/region.ts';
import { denseLayout } from '../layout.ts';
import type { Storage } from '../memory/ownership.ts';
import type { Runtime } from '../runtime.ts';
import { formatShape } from '../shape.ts';
import { Tensor } from '../tensor.ts';

/** A dense output with undefined contents. */
export function output(runtime: Runtime, type: TensorType): Tensor {
  return new Tensor(runtime, runtime.storageFor(type), denseLayout(type.shape), type.dtype);
}

/** @throws TraceError for a traced value */
export function storageOf(tensor: Tensor): Storage {
  const { source } = tensor;
  if (source.kind === 'storage') return source;
  if (source.kind === 'traced') {
    throw new TraceError(
      `${source.op}: its result is a traced value, which has no elements yet: ` +
        'read it after the traced function has returned it',
    );
  }
  if (source.kind === 'disposed') {
    throw new DisposedError(`this tensor ${formatShape(tensor.shape)} was disposed`);
  }
  throw new Error(`execute: a ${source.kind} has no storage`);
}

/** Whether the elements lie row-major from the start of a storage. */
export function isDense(tensor: Tensor): boolean {
  return tensor.source.kind === 'storage' && tensor.layout.isDense;
}

/** Prepares and launches; `inputs` and `outs` give the storages in order. */
export function launchRegion(
  runtime: Runtime,
  region: Region,
  inputs: readonly Tensor[],
  outs: readonly Tensor[],
): void {
  const storages: Storage[] = [];
  for (const x of [...inputs, ...outs]) {
    if (x.source.kind !== 'constant' && x.source.kind !== 'iota') storages.push(storageOf(x));
  }
  launch(runtime, prepareRegion(runtime, region), storages);
}

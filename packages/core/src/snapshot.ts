/** Host copies of variables: what survives the loss of a device. */
import { fromHost } from './ops/create.ts';
import { data } from './ops/read.ts';
import { runtimeOf } from './runtime.ts';
import type { Variable } from './tensor.ts';

/** The values of some variables at one moment. */
export interface Snapshot {
  /** What it takes on the host. */
  readonly byteLength: number;
  /** Assigns the values to the variables again. */
  restore(): void;
}

/**
 * Copies variables to the host: a model's parameters and buffers, say, every so many steps. After
 * the loss of a GPU device, `backend.recover({ state })` puts them back on a fresh one. Shapes and
 * dtypes stay; a variable that is named twice is copied once. The copies take `byteLength` bytes of
 * host memory, and all reads are one submit on webgpu.
 *
 * @throws DisposedError for a variable that was disposed
 * @throws DeviceLostError where the device is lost before it is read
 * @example
 * import { takeSnapshot, tensor, variable } from '@tenon/core';
 * const x = variable([1, 2, 3]);
 * const snapshot = await takeSnapshot([x]);
 * x.assign(tensor([0, 0, 0]));
 * snapshot.restore();
 * x; // [1, 2, 3]
 */
export async function takeSnapshot(variables: Iterable<Variable>): Promise<Snapshot> {
  // All reads are issued at once, so it is one moment's state.
  const held = await Promise.all(
    [...new Set(variables)].map(async (variable) => ({ variable, values: await data(variable) })),
  );
  return {
    byteLength: held.reduce((sum, { values }) => sum + values.byteLength, 0),
    restore: () => {
      for (const { variable, values } of held) {
        const { backend, shape, dtype } = variable;
        variable.assign(fromHost(runtimeOf(backend), values, shape, dtype));
      }
    },
  };
}

// jax-js on its wasm or webgpu backend. Single kernels eagerly, chains and training steps under
// jit, which is how its users run them. Every reuse of an array needs `.ref`; a call consumes its
// arguments.
import { defaultDevice, init, jit, lax, nn, numpy as np } from '@jax-js/jax';
import { makeInputs } from '../workloads/reference.ts';
import { isOp, type OpTask, type OpWorkload } from '../workloads/types.ts';
import { openGpu } from './gpu.ts';
import { prepareTraining } from './jax-js-train.ts';
import type { Prepared, SystemRuntime } from './types.ts';

type Compute = (...inputs: np.Array[]) => np.Array;

/** Whether a task is one kernel, so that jit would add its own dispatch and save nothing. */
export function isSingleKernel(task: OpTask): boolean {
  return task.kind !== 'softmax' && task.kind !== 'layernorm' && task.kind !== 'tanh-chain';
}

const swapped = (x: np.Array, isTransposed: boolean): np.Array =>
  isTransposed ? np.matrixTranspose(x) : x;

function computeOf(task: OpTask): Compute {
  switch (task.kind) {
    case 'matmul':
      return (x, y) => np.matmul(swapped(x!, task.transposeA), swapped(y!, task.transposeB));
    case 'conv':
      return (x, w) =>
        lax.convGeneralDilated(x!, w!, [1, 1], 'SAME', { featureGroupCount: task.groups });
    case 'softmax':
      return (x) => nn.softmax(x!, 1);
    case 'layernorm':
      return (x, w, b) => nn.standardize(x!, 1, { epsilon: task.epsilon }).mul(w!).add(b!);
    case 'sum':
      return (x) => np.sum(x!, task.axis);
    case 'add':
      return (x, y) => np.add(x!, y!);
    case 'argmax':
      return (x) => np.argmax(x!, 1);
    case 'sort':
      return (x) => np.sort(x!, 1);
    case 'gather':
      return (x, y) => np.take(x!, y!, 0);
    case 'dispatch':
      throw new Error('jax-js: expected no dispatch workload');
    case 'tanh-chain':
      return (x, y, z) => np.tanh(x!.mul(y!).add(z!)).mul(0.5);
  }
}

function prepareOp(workload: OpWorkload): Prepared {
  const inputs = makeInputs(workload).map((data, i) =>
    np.array(data, {
      shape: [...workload.inputs[i]!.shape],
      dtype: data instanceof Int32Array ? np.int32 : np.float32,
    }),
  );
  const plain = computeOf(workload.task);
  const compute: Compute = isSingleKernel(workload.task) ? plain : jit(plain);
  let output: np.Array | undefined;
  return {
    async run() {
      output?.dispose();
      output = compute(...inputs.map((x) => x.ref));
      await output.blockUntilReady();
    },
    async result() {
      if (!output) throw new Error('result: expected a run before it, got none');
      return Float32Array.from(await output.ref.data());
    },
  };
}

/** Opens jax-js on `device`. */
export async function open(device: 'wasm' | 'webgpu'): Promise<SystemRuntime> {
  if (device === 'webgpu') openGpu();
  const available = await init(device);
  if (!available.includes(device)) throw new Error(`jax-js: expected ${device}, got none`);
  defaultDevice(device);
  return {
    async prepare(workload) {
      if (isOp(workload)) return prepareOp(workload);
      return prepareTraining(workload.task.model);
    },
  };
}

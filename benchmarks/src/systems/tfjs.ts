// TensorFlow.js on its cpu, wasm or webgpu backend. Eager; NHWC and [in, out] as it wants them, so
// operands are permuted on the host in prepare and results permuted back. tidy frees what each run
// makes.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { makeInputs } from '../workloads/reference.ts';
import { isOp, type OpTask, type OpWorkload } from '../workloads/types.ts';
import { openGpu } from './gpu.ts';
import { permute, TO_HWIO, TO_NCHW, TO_NHWC } from './layout.ts';
import { registerGradients } from './tfjs-gradients.ts';
import { layerNorm, prepareTraining } from './tfjs-train.ts';
import type { Prepared, SystemRuntime } from './types.ts';

/** Its backends that this file can open. */
export type TfjsBackend = 'cpu' | 'wasm' | 'webgpu';

async function loadBackend(backend: TfjsBackend): Promise<void> {
  if (backend === 'cpu') {
    await import('@tensorflow/tfjs-backend-cpu');
  } else if (backend === 'webgpu') {
    openGpu();
    await import('@tensorflow/tfjs-backend-webgpu');
  } else {
    const wasm = await import('@tensorflow/tfjs-backend-wasm');
    const main = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
    wasm.setWasmPaths(join(dirname(main), '/'));
  }
  if (!(await tf.setBackend(backend)))
    throw new Error(`tfjs: expected ${backend}, it did not start`);
  await tf.ready();
}

/** Waits until the GPU has done what was asked for; elsewhere everything is done at once. */
async function finisher(backend: TfjsBackend): Promise<(() => Promise<void>) | undefined> {
  if (backend !== 'webgpu') return undefined;
  const { WebGPUBackend } = await import('@tensorflow/tfjs-backend-webgpu');
  const found: unknown = tf.backend();
  if (!(found instanceof WebGPUBackend)) throw new Error('tfjs: expected its webgpu backend');
  return async () => {
    // It submits by itself every 15 dispatches; then there is no encoder to end.
    found.ensureCommandEncoderReady();
    found.endComputePassEncoder();
    found.submitQueue();
    await found.queue.onSubmittedWorkDone();
  };
}

function operands(workload: OpWorkload): tf.Tensor[] {
  const { task } = workload;
  return makeInputs(workload).map((data, i) => {
    const shape = [...workload.inputs[i]!.shape];
    if (data instanceof Int32Array) return tf.tensor(data, shape, 'int32');
    if (task.kind !== 'conv') return tf.tensor(data, shape);
    // A depthwise filter is [height, width, in, multiplier]: OIHW with I = 1 gives [h, w, O, 1].
    const weightAxes = task.groups > 1 ? [2, 3, 0, 1] : TO_HWIO;
    const moved = permute(data, shape, i === 0 ? TO_NHWC : weightAxes);
    return tf.tensor(moved.data, moved.shape);
  });
}

function compute(task: OpTask, inputs: readonly tf.Tensor[]): tf.Tensor {
  const x = inputs[0]!;
  const y = inputs[1]!;
  switch (task.kind) {
    case 'matmul':
      return tf.matMul(x, y, task.transposeA, task.transposeB);
    case 'conv':
      return task.groups > 1
        ? tf.depthwiseConv2d(x as tf.Tensor4D, y as tf.Tensor4D, 1, 'same')
        : tf.conv2d(x as tf.Tensor4D, y as tf.Tensor4D, 1, 'same');
    case 'softmax':
      return tf.softmax(x);
    case 'layernorm':
      return layerNorm(x, y, inputs[2]!, task.epsilon);
    case 'sum':
      return tf.sum(x, task.axis);
    case 'add':
      return tf.add(x, y);
    case 'argmax':
      return tf.argMax(x, -1);
    case 'sort':
      // Its one sort is topk, largest first.
      return tf.neg(tf.topk(tf.neg(x), task.columns, true).values);
    case 'gather':
      return tf.gather(x, y as tf.Tensor1D);
    case 'dispatch':
      throw new Error('tfjs: expected no dispatch workload');
    case 'tanh-chain':
      return tf.mul(tf.tanh(tf.add(tf.mul(x, y), inputs[2]!)), 0.5);
  }
}

function prepareOp(workload: OpWorkload, finish: (() => Promise<void>) | undefined): Prepared {
  const inputs = operands(workload);
  let output: tf.Tensor | undefined;
  return {
    run() {
      output?.dispose();
      output = tf.tidy(() => compute(workload.task, inputs));
      return finish?.();
    },
    async result() {
      if (!output) throw new Error('result: expected a run before it, got none');
      const data = Float32Array.from(await output.data());
      return workload.task.kind === 'conv' ? permute(data, output.shape, TO_NCHW).data : data;
    },
  };
}

/** Opens TensorFlow.js on `backend`. */
export async function open(backend: TfjsBackend): Promise<SystemRuntime> {
  await loadBackend(backend);
  const finish = await finisher(backend);
  return {
    async prepare(workload) {
      if (isOp(workload)) return prepareOp(workload, finish);
      await registerGradients();
      return prepareTraining(workload.task.model, backend);
    },
  };
}

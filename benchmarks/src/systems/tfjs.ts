// TensorFlow.js on its cpu or wasm backend. Eager; NHWC and [in, out] as it wants them, so operands
// are permuted on the host in prepare and results permuted back. tidy frees what each run makes.
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { makeInputs } from '../workloads/reference.ts';
import { isOp, type OpTask, type OpWorkload } from '../workloads/types.ts';
import { permute, TO_HWIO, TO_NCHW, TO_NHWC } from './layout.ts';
import { registerGradients } from './tfjs-gradients.ts';
import { layerNorm, prepareTraining } from './tfjs-train.ts';
import type { Prepared, SystemRuntime } from './types.ts';

async function loadBackend(backend: 'cpu' | 'wasm'): Promise<void> {
  if (backend === 'cpu') {
    await import('@tensorflow/tfjs-backend-cpu');
  } else {
    const wasm = await import('@tensorflow/tfjs-backend-wasm');
    const main = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm');
    wasm.setWasmPaths(join(dirname(main), '/'));
  }
  await tf.setBackend(backend);
  await tf.ready();
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

function prepareOp(workload: OpWorkload): Prepared {
  const inputs = operands(workload);
  let output: tf.Tensor | undefined;
  return {
    run() {
      output?.dispose();
      output = tf.tidy(() => compute(workload.task, inputs));
    },
    async result() {
      if (!output) throw new Error('result: expected a run before it, got none');
      const data = Float32Array.from(await output.data());
      return workload.task.kind === 'conv' ? permute(data, output.shape, TO_NCHW).data : data;
    },
  };
}

/** Opens TensorFlow.js on `backend`. */
export async function open(backend: 'cpu' | 'wasm'): Promise<SystemRuntime> {
  await loadBackend(backend);
  return {
    async prepare(workload) {
      if (isOp(workload)) return prepareOp(workload);
      await registerGradients();
      return prepareTraining(workload.task.model, backend);
    },
  };
}

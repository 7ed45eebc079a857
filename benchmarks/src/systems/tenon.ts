// Tenon through its public interface, on the backend named. Eager.
import {
  type Backend,
  conv2d,
  layerNorm,
  setDefaultBackend,
  softmax,
  type Tensor,
  tensor,
} from '@tenon/core';
import { cpuJs } from '@tenon/cpu-js';
import { makeInputs } from '../workloads/reference.ts';
import { isOp, type OpTask, type OpWorkload } from '../workloads/types.ts';
import type { Prepared, SystemRuntime } from './types.ts';

/** The backends this file can open. */
export type TenonBackend = 'cpu-js';

const factories: Readonly<Record<TenonBackend, () => Backend | Promise<Backend>>> = {
  'cpu-js': () => cpuJs(),
};

function compute(task: OpTask, inputs: readonly Tensor[]): Tensor {
  const x = inputs[0]!;
  const y = inputs[1]!;
  switch (task.kind) {
    case 'matmul':
      return x.matmul(task.transposeB ? y.transpose(0, 1) : y);
    case 'conv':
      return conv2d(x, y, { padding: 'same', groups: task.groups });
    case 'softmax':
      return softmax(x, -1);
    case 'layernorm':
      return layerNorm(x, [task.columns], { weight: y, bias: inputs[2]!, eps: task.epsilon });
    case 'sum':
      return x.sum(task.axis);
    case 'add':
      return x.add(y);
    case 'tanh-chain':
      return x.mul(y).add(inputs[2]!).tanh().mul(0.5);
  }
}

function prepareOp(workload: OpWorkload): Prepared {
  const inputs = makeInputs(workload).map((data, i) =>
    tensor(data, { shape: workload.inputs[i]!.shape }),
  );
  let output: Tensor | undefined;
  return {
    run() {
      output = compute(workload.task, inputs);
    },
    async result() {
      if (!output) throw new Error('result: expected a run before it, got none');
      return Float32Array.from(await output.data());
    },
  };
}

/** Opens Tenon on `backend` and makes it the default of this process. */
export async function open(backend: TenonBackend): Promise<SystemRuntime> {
  setDefaultBackend(await factories[backend]());
  return {
    async prepare(workload) {
      if (isOp(workload)) return prepareOp(workload);
      const { prepareTraining } = await import('./tenon-train.ts');
      return prepareTraining(workload.task.model);
    },
  };
}

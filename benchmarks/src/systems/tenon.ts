// Tenon through its public interface, on one backend and variant of it. Eager; the tanh chain is a
// composite, which fuses.
import {
  type Backend,
  conv2d,
  defineComposite,
  layerNorm,
  parameter,
  setDefaultBackend,
  softmax,
  sort,
  type Tensor,
  take,
  tensor,
} from '@tenon/core';
import { cpuJs } from '@tenon/cpu-js';
import { makeInputs } from '../workloads/reference.ts';
import { isOp, type OpTask, type OpWorkload } from '../workloads/types.ts';
import { openGpu } from './gpu.ts';
import type { Prepared, SystemRuntime } from './types.ts';

/** What this file can open. */
export type TenonBackend =
  | { readonly name: 'cpu-js' }
  | {
      readonly name: 'cpu-wasm';
      readonly variant: 'scalar' | 'simd' | 'relaxed';
      readonly threads: number;
    }
  | { readonly name: 'webgpu' };

async function makeBackend(wanted: TenonBackend): Promise<Backend> {
  if (wanted.name === 'cpu-js') return cpuJs();
  if (wanted.name === 'webgpu') {
    const gpu = openGpu();
    return (await import('@tenon/webgpu')).webgpu({ gpu });
  }
  const { wasm } = await import('@tenon/cpu-wasm');
  const { variant, threads } = wanted;
  const isThreaded = threads > 1 && variant !== 'scalar';
  const backend = await wasm({ variant: isThreaded ? `${variant}-threads` : variant, threads });
  const got = backend.capabilities.threads;
  if (got === threads) return backend;
  const why = backend.capabilities.notes.join('; ');
  throw new Error(`cpu-wasm: expected ${threads} threads, got ${got} (${why})`);
}

/** A user's composite: one fused launch, as the other side has jit. */
const tanhChain = defineComposite<null>({
  name: 'tanhChain',
  type: ([x]) => [x!],
  decompose: (ops, [x, y, z]) => {
    const sum = ops.add(ops.mul(x!, y!), z!);
    return [ops.mul(ops.tanh(sum), 0.5)];
  },
});

const swapped = (x: Tensor, isTransposed: boolean): Tensor =>
  isTransposed ? x.transpose(-2, -1) : x;

function compute(task: OpTask, inputs: readonly Tensor[]): Tensor {
  const x = inputs[0]!;
  const y = inputs[1]!;
  switch (task.kind) {
    case 'matmul':
      return swapped(x, task.transposeA).matmul(swapped(y, task.transposeB));
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
    case 'argmax':
      return x.argMax(-1);
    case 'sort':
      return sort(x, -1).values;
    case 'gather':
      return take(x, y, 0);
    case 'dispatch': {
      let sum = x.add(y);
      for (let i = 1; i < task.count; i++) sum = x.add(y);
      return sum;
    }
    case 'tanh-chain':
      return tanhChain(inputs, null)[0]!;
  }
}

function prepareOp(workload: OpWorkload, backend: Backend): Prepared {
  const inputs: Tensor[] = makeInputs(workload).map((data, i) =>
    tensor(data, { shape: workload.inputs[i]!.shape }),
  );
  const { task } = workload;
  if (task.kind === 'dispatch' && task.isTaped) inputs[0] = parameter(inputs[0]!);
  let output: Tensor | undefined;
  const isSynchronous = backend.capabilities.syncRead;
  return {
    run() {
      // As the other systems do; for what one small operation costs in a program, nobody disposes.
      if (task.kind !== 'dispatch') output?.dispose();
      output = compute(task, inputs);
      // Where reading is synchronous, everything is done when the call returns.
      return isSynchronous ? undefined : backend.synchronize();
    },
    async result() {
      if (!output) throw new Error('result: expected a run before it, got none');
      return Float32Array.from(await output.data());
    },
  };
}

/** Opens Tenon on a backend and makes it the default of this process. */
export async function open(wanted: TenonBackend): Promise<SystemRuntime> {
  const backend = await makeBackend(wanted);
  setDefaultBackend(backend);
  return {
    async prepare(workload) {
      if (isOp(workload)) return prepareOp(workload, backend);
      const { prepareTraining } = await import('./tenon-train.ts');
      return prepareTraining(workload.task.model);
    },
  };
}

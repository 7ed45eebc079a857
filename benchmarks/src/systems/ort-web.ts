// onnxruntime-web on wasm, one thread: inference only. Weights are constants of the model, as in
// real use; the other operands are inputs, and each run copies them in and the result out.
import * as ort from 'onnxruntime-web/wasm';
import { makeInputs } from '../workloads/reference.ts';
import { isOp, type OpTask, type OpWorkload } from '../workloads/types.ts';
import { encodeModel, type OnnxConstant, type OnnxNode } from './onnx.ts';
import type { Prepared, SystemRuntime } from './types.ts';

interface Plan {
  readonly nodes: readonly OnnxNode[];
  /** How many operands are inputs; the rest are constants. */
  readonly inputs: number;
  readonly constants: readonly OnnxConstant[];
}

const one = (op: string, inputs: string[], attributes: OnnxNode['attributes'] = {}): OnnxNode => ({
  op,
  inputs,
  outputs: ['out'],
  attributes,
});

function plan(task: OpTask): Plan {
  switch (task.kind) {
    case 'matmul': {
      const swap = {
        op: 'Transpose',
        inputs: ['in1'],
        outputs: ['t'],
        attributes: { perm: [1, 0] },
      };
      const nodes = task.transposeB
        ? [swap, one('MatMul', ['in0', 't'])]
        : [one('MatMul', ['in0', 'in1'])];
      return { nodes, inputs: 2, constants: [] };
    }
    case 'conv': {
      const pad = (task.kernel - 1) / 2;
      const attributes = { group: task.groups, pads: [pad, pad, pad, pad] };
      return { nodes: [one('Conv', ['in0', 'in1'], attributes)], inputs: 1, constants: [] };
    }
    case 'softmax':
      return { nodes: [one('Softmax', ['in0'], { axis: 1 })], inputs: 1, constants: [] };
    case 'layernorm': {
      const attributes = { axis: 1, epsilon: { float: task.epsilon } };
      const nodes = [one('LayerNormalization', ['in0', 'in1', 'in2'], attributes)];
      return { nodes, inputs: 1, constants: [] };
    }
    case 'sum': {
      const axes = { name: 'axes', shape: [1], data: BigInt64Array.of(BigInt(task.axis)) };
      const nodes = [one('ReduceSum', ['in0', 'axes'], { keepdims: 0 })];
      return { nodes, inputs: 1, constants: [axes] };
    }
    case 'add':
      return { nodes: [one('Add', ['in0', 'in1'])], inputs: 2, constants: [] };
    case 'tanh-chain': {
      const nodes = [
        { op: 'Mul', inputs: ['in0', 'in1'], outputs: ['a'] },
        { op: 'Add', inputs: ['a', 'in2'], outputs: ['b'] },
        { op: 'Tanh', inputs: ['b'], outputs: ['c'] },
        one('Mul', ['c', 'half']),
      ];
      const half = { name: 'half', shape: [], data: Float32Array.of(0.5) };
      return { nodes, inputs: 3, constants: [half] };
    }
  }
}

async function prepareOp(workload: OpWorkload): Promise<Prepared> {
  const { nodes, inputs: inputCount, constants } = plan(workload.task);
  const operands = makeInputs(workload).map((data, i) => ({
    name: `in${i}`,
    shape: workload.inputs[i]!.shape,
    data,
  }));
  const inputs = operands.slice(0, inputCount);
  const model = encodeModel({
    nodes,
    inputs,
    outputs: [{ name: 'out', shape: workload.outputShape }],
    constants: [...constants, ...operands.slice(inputCount)],
  });
  const session = await ort.InferenceSession.create(model, { executionProviders: ['wasm'] });
  const feeds = Object.fromEntries(
    inputs.map(({ name, shape, data }) => [name, new ort.Tensor('float32', data, [...shape])]),
  );
  let output: ort.Tensor | undefined;
  return {
    async run() {
      const results = await session.run(feeds);
      output = results.out;
    },
    async result() {
      if (!output) throw new Error('result: expected a run before it, got none');
      return Float32Array.from(output.data as Float32Array);
    },
  };
}

/** Opens onnxruntime-web with one thread. */
export async function open(): Promise<SystemRuntime> {
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = 'error';
  return {
    async prepare(workload) {
      if (isOp(workload)) return prepareOp(workload);
      throw new Error('onnxruntime-web: expected an operation, got training, which it cannot do');
    },
  };
}

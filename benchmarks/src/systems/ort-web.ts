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
      const swap = (input: string): OnnxNode => ({
        op: 'Transpose',
        inputs: [input],
        outputs: [`${input}t`],
        attributes: { perm: [1, 0] },
      });
      const nodes: OnnxNode[] = [];
      if (task.transposeA) nodes.push(swap('in0'));
      if (task.transposeB) nodes.push(swap('in1'));
      const names = [task.transposeA ? 'in0t' : 'in0', task.transposeB ? 'in1t' : 'in1'];
      return { nodes: [...nodes, one('MatMul', names)], inputs: 2, constants: [] };
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
    case 'argmax': {
      const nodes = [one('ArgMax', ['in0'], { axis: 1, keepdims: 0 })];
      return { nodes, inputs: 1, constants: [] };
    }
    case 'sort': {
      const k = { name: 'k', shape: [1], data: BigInt64Array.of(BigInt(task.columns)) };
      const sorted = { op: 'TopK', inputs: ['in0', 'k'], outputs: ['out', 'indices'] };
      const nodes = [{ ...sorted, attributes: { axis: 1, largest: 0, sorted: 1 } }];
      return { nodes, inputs: 1, constants: [k] };
    }
    case 'gather':
      return { nodes: [one('Gather', ['in0', 'in1'], { axis: 0 })], inputs: 2, constants: [] };
    case 'dispatch':
      throw new Error('onnxruntime-web: expected no dispatch workload');
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
    ...(data instanceof Int32Array ? { dtype: 'int32' as const } : {}),
  }));
  const outputType = workload.task.kind === 'argmax' ? { dtype: 'int64' as const } : {};
  const inputs = operands.slice(0, inputCount);
  const model = encodeModel({
    nodes,
    inputs,
    outputs: [{ name: 'out', shape: workload.outputShape, ...outputType }],
    constants: [...constants, ...operands.slice(inputCount)],
  });
  const session = await ort.InferenceSession.create(model, { executionProviders: ['wasm'] });
  const feeds = Object.fromEntries(
    inputs.map(({ name, shape, data }) => [
      name,
      data instanceof Int32Array
        ? new ort.Tensor('int32', data, [...shape])
        : new ort.Tensor('float32', data, [...shape]),
    ]),
  );
  let output: ort.Tensor | undefined;
  return {
    async run() {
      const results = await session.run(feeds);
      output = results.out;
    },
    async result() {
      if (!output) throw new Error('result: expected a run before it, got none');
      return Array.from(output.data as Iterable<number | bigint>, Number);
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

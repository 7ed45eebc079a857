import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type TestGpu, testGpu } from '../test-gpu.ts';
import { epilogueBindings, epilogueText, epilogueWords } from './region-epilogue.ts';
import {
  constant,
  type Data,
  load,
  numbers,
  op,
  runThere,
  specOf,
  type TestRegion,
  wordsOf,
} from './region-test-support.ts';
import { accessOf, shaderText, word } from './shader.ts';

const SIZES = [2, 3, 4, 5] as const;
const TOTAL = 120;

let gpu: TestGpu;
beforeAll(async () => {
  gpu = await testGpu();
});
afterAll(() => {
  gpu.dispose();
});

/** Every position of [2, 3, 4, 5] with accumulator 0.25 · (its linear index + word 0). */
async function run(region: TestRegion): Promise<Data[]> {
  const spec = specOf(region);
  const { bindings, buffers, operands } = epilogueBindings(spec, 0);
  const words = 1 + epilogueWords(spec);
  const { text, prelude } = epilogueText(spec, {
    words: 1,
    accumulator: `0.25 * f32(id + ${word(0)})`,
    indices: ['id / 60u', 'id / 20u % 3u', 'id / 5u % 4u', 'id % 5u'],
    bindings: operands,
  });
  const code = shaderText({
    bindings,
    words,
    workgroup: 64,
    prelude,
    body: `let id = group * 64u + local;\nif (id >= ${TOTAL}u) { return; }\n${text}`,
  });
  const inputs = region.inputs.slice(1).flatMap((input, i) => {
    return input.data === null
      ? []
      : [{ t: i + 1, buffer: gpu.put(Float32Array.from(input.data)) }];
  });
  const outputs = region.outputs.map(({ alias, length }) => {
    const shared = inputs.find(({ t }) => t === alias);
    return shared?.buffer ?? gpu.put(new Float32Array(length).fill(77));
  });
  const launch = [...inputs.map(({ buffer }) => buffer), ...outputs];
  const pipeline = gpu.pipeline({ label: 'epilogue', code, access: accessOf(bindings), words });
  gpu.queue.dispatch(
    pipeline,
    buffers.map((b) => launch[b]!),
    [0, ...wordsOf(region)],
    2,
  );
  return Promise.all(outputs.map((buffer) => gpu.get(buffer, 'f32')));
}

/** The oracle reads accumulators from a buffer. */
function expected(region: TestRegion): Data[] {
  const data = Array.from({ length: TOTAL }, (_, i) => 0.25 * i);
  const [first, ...rest] = region.inputs;
  return runThere({ ...region, inputs: [{ ...first!, data, strides: [60, 20, 5, 1] }, ...rest] });
}

describe('epilogues', () => {
  const accumulator = { dtype: 'f32', data: [], strides: [0, 0, 0, 0] } as const;

  test('nothing but a store, transposed', async () => {
    const region: TestRegion = {
      kept: SIZES,
      reduced: [],
      inputs: [accumulator],
      outputs: [{ step: 0, dtype: 'f32', strides: [60, 20, 1, 4], offset: 3, length: TOTAL + 5 }],
      steps: [load(0)],
    };
    expect(await run(region)).toEqual(expected(region));
  });

  test('bias, mask, iota, constant, an update in place and a second output', async () => {
    const region: TestRegion = {
      kept: SIZES,
      reduced: [],
      inputs: [
        accumulator,
        { dtype: 'f32', data: numbers(5), strides: [0, 0, 0, 1] },
        { dtype: 'f32', data: numbers(TOTAL, 4), strides: [60, 20, 5, 1] },
        { dtype: 'f32', data: null, strides: [0, 0, 1, 0] },
      ],
      constants: [{ dtype: 'f32', value: 10 }],
      outputs: [
        { step: 7, dtype: 'f32', strides: [60, 20, 5, 1], length: TOTAL, alias: 2 },
        { step: 8, dtype: 'f32', strides: [60, 20, 5, 1], length: TOTAL },
      ],
      steps: [
        load(0),
        load(1),
        load(2),
        load(3),
        constant(0),
        op('add', 0, 1),
        op('minimum', 5, 4),
        op('sub', 2, 6),
        op('mul', 7, 3),
      ],
    };
    const got = (await run(region)).map((data) => Array.from(data, (v) => v + 0));
    expect(got).toEqual(expected(region).map((data) => Array.from(data, (v) => v + 0)));
  });
});

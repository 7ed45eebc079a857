/** Launches one by one, and programs of launches, copies and loops, without core. */
import type { Buffer, Kernel, Step } from '@tenon/core';
import { expect } from 'vitest';
import { assertSame } from '../compare.ts';
import {
  download,
  launch,
  prepare,
  type RegionSample,
  regionSpec,
  regionWords,
  upload,
} from '../raw.ts';
import type { Suite, SuiteContext } from '../suite.ts';

/** out = a + b over n elements. */
function adder(context: SuiteContext, n: number): { kernel: Kernel; words: Int32Array } {
  const operand = { dtype: 'f32', strides: [1] } as const;
  const steps: Step[] = [
    { op: 'load', index: 0, dtype: 'f32' },
    { op: 'load', index: 1, dtype: 'f32' },
    { op: 'add', args: [0, 1], dtype: 'f32', from: 'f32' },
  ];
  const sample: RegionSample = {
    kept: [n],
    inputs: [operand, operand],
    outputs: [{ ...operand, step: 2 }],
    steps,
  };
  return { kernel: prepare(context.backend, regionSpec(sample)), words: regionWords(sample) };
}

function launches(context: SuiteContext): void {
  const { backend, test } = context;
  test('launch keeps neither its buffers nor its words', async () => {
    const { kernel, words } = adder(context, 3);
    const data = [
      [1, 2, 3],
      [10, 20, 30],
      [0, 0, 0],
      [100, 200, 300],
      [0, 0, 0],
    ];
    const all = data.map((values) => upload(backend, 'f32', values));
    const [a, b, c, d, e] = all as [Buffer, Buffer, Buffer, Buffer, Buffer];
    const buffers = [a, b, c];
    backend.launch(kernel, buffers, words);
    buffers.splice(0, 3, d, a, e);
    backend.launch(kernel, buffers, words);
    buffers.length = 0;
    words.fill(-1);
    backend.write(a, Float32Array.of(0, 0, 0));
    assertSame('first', await download(backend, 'f32', c), [11, 22, 33]);
    assertSame('second', await download(backend, 'f32', e), [101, 202, 303]);
    assertSame('a write comes after the launches', await download(backend, 'f32', a), [0, 0, 0]);
  });
  test('one kernel serves every size', async () => {
    const { kernel, words } = adder(context, 3);
    for (const n of [1, 2, 31, 1000, 70_001]) {
      const values = Array.from({ length: n }, (_, i) => i % 1000);
      const [a, out] = [upload(backend, 'f32', values), upload(backend, 'f32', values)];
      words[0] = n;
      launch(backend, kernel, [a, a, out], words);
      assertSame(
        `${n}`,
        await download(backend, 'f32', out),
        values.map((x) => 2 * x),
      );
    }
  });
}

function programs(context: SuiteContext): void {
  const { backend, test } = context;
  test('a program of launches and copies runs any number of times, with new words', async () => {
    const { kernel, words } = adder(context, 4);
    const [x, step, out] = [
      [0, 0, 0, 0],
      [1, 2, 3, 4],
      [0, 0, 0, 0],
    ].map((values) => upload(backend, 'f32', values)) as [Buffer, Buffer, Buffer];
    const add = { kernel, buffers: [x, step, out], args: words };
    const copy = { from: out, fromByte: 0, to: x, toByte: 0, byteLength: 16 };
    const program = backend.link([add, copy]);
    for (let i = 0; i < 3; i++) program.run();
    assertSame('three runs', await download(backend, 'f32', x), [3, 6, 9, 12]);
    const fewer = words.slice();
    fewer[0] = 2;
    program.setArgs(add, fewer);
    program.run();
    assertSame('two elements more', await download(backend, 'f32', x), [4, 8, 9, 12]);
    program.dispose();
  });
  test('a loop advances its words and swaps its buffers, and starts anew each run', async () => {
    // carry ← carry + xs[t], for t in 0 … 4, two elements a step.
    const { kernel, words } = adder(context, 2);
    const xs = upload(backend, 'f32', [1, 10, 2, 20, 3, 30, 4, 40, 5, 50]);
    const [a, b] = [upload(backend, 'f32', [0, 0]), upload(backend, 'f32', [77, 77])];
    const body = { kernel, buffers: [a, xs, b], args: words };
    const program = backend.link([
      {
        count: 5,
        body: [body],
        increments: [{ launch: body, word: 3, delta: 2 }],
        swaps: [[a, b]],
      },
    ]);
    program.run();
    assertSame('sum', await download(backend, 'f32', b), [15, 150]);
    backend.write(a, Float32Array.of(1, 1));
    program.run();
    assertSame('again', await download(backend, 'f32', b), [16, 151]);
    program.dispose();
  });
  test('loops nest, and none runs zero times', async () => {
    const { kernel, words } = adder(context, 1);
    const [x, one, out] = [[0], [1], [0]].map((v) => upload(backend, 'f32', v)) as [
      Buffer,
      Buffer,
      Buffer,
    ];
    const add = { kernel, buffers: [x, one, out], args: words };
    const back = { from: out, fromByte: 0, to: x, toByte: 0, byteLength: 4 };
    const inner = { count: 3, body: [add, back], increments: [], swaps: [] };
    const never = { count: 0, body: [add, back], increments: [], swaps: [] };
    const program = backend.link([{ count: 4, body: [inner], increments: [], swaps: [] }, never]);
    program.run();
    expect([...(await download(backend, 'f32', x))]).toEqual([12]);
    program.dispose();
  });
}

export const launchSuite: Suite = {
  name: 'launches',
  define(context) {
    launches(context);
    programs(context);
  },
};

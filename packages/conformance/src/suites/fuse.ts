/**
 * Composites that are one loop nest: a single launch, and the same bits as op by op. Known shapes
 * of programs first, then random ones of maps and reductions.
 */
import * as core from '@tenon/core';
import { defineComposite, type Tensor, tensor } from '@tenon/core';
import fc from 'fast-check';
import { expect } from 'vitest';
import { assertSame, assertShape } from '../compare.ts';
import type { Suite, SuiteContext } from '../suite.ts';
import { expectError, seeded } from '../support.ts';

type Body = (inputs: readonly Tensor[]) => readonly Tensor[];
let count = 0;

/** A composite of this body, under a name of its own. */
function compositeOf(body: Body): Body {
  const composite = defineComposite<null>({
    name: `conformance ${count++}`,
    type: (inputs) => [inputs[0]!],
    decompose: (_ops, inputs) => body(inputs),
  });
  return (inputs) => composite(inputs, null);
}
function launchesOf(
  x: Tensor,
  fn: () => readonly Tensor[],
): { outputs: readonly Tensor[]; launches: number } {
  const before = x.runtime.launches;
  const outputs = fn();
  return { outputs, launches: x.runtime.launches - before };
}
/** Same bits fused and op by op; gives the launches of the fused run. */
async function compare(what: string, inputs: readonly Tensor[], body: Body): Promise<number> {
  const plain = body(inputs);
  const { outputs, launches } = launchesOf(inputs[0]!, () => compositeOf(body)(inputs));
  expect(outputs.length).toBe(plain.length);
  const elements = (list: readonly Tensor[]) => Promise.all(list.map((x) => x.data()));
  const [got, want] = await Promise.all([elements(outputs), elements(plain)]);
  for (const [i, output] of outputs.entries()) {
    assertShape(what, output.shape, plain[i]!.shape);
    assertSame(`${what}, output ${i}`, got[i]!, want[i]!);
  }
  return launches;
}

const keep = { keepDims: true };
const KNOWN: readonly { readonly name: string; readonly body: Body }[] = [
  { name: 'one map', body: ([x]) => [x!.exp()] },
  { name: 'a chain of maps', body: ([x, y]) => [x!.mul(y!).add(1).tanh().sub(y!).abs()] },
  { name: 'several outputs', body: ([x, y]) => [x!.add(y!), x!.sub(y!).square()] },
  { name: 'a reduction', body: ([x]) => [x!.square().sum(1)] },
  { name: 'a reduction with its axis kept', body: ([x]) => [x!.sub(1).max(1, keep)] },
  {
    name: 'softmax',
    body: ([x]) => {
      const e = x!.sub(x!.max(1, keep)).exp();
      return [e.div(e.sum(1, keep))];
    },
  },
  {
    name: 'normalization of rows',
    body: ([x, , row]) => {
      const centred = x!.sub(x!.mean(1, keep));
      const size = centred.square().mean(1, keep).add(1e-5).sqrt();
      return [centred.div(size).mul(row!).add(1)];
    },
  },
  {
    name: 'normalization of columns',
    body: ([x]) => {
      const centred = x!.sub(x!.mean(0, keep));
      return [centred.div(centred.square().sum(0, keep).sqrt().add(1))];
    },
  },
  {
    name: 'constants and ranges',
    body: ([x]) => [x!.mul(core.arange(35).reshape([5, 7])).add(core.full([7], 0.5))],
  },
  { name: 'a mask', body: ([x, y]) => [core.where(x!.less(y!), x!, y!.neg()).maximum(0)] },
  { name: 'casts', body: ([x]) => [x!.mul(3).cast('i32').add(1).cast('f32').mul(x!)] },
  {
    name: 'a value and its mean over all',
    body: ([x]) => [x!.tanh(), x!.tanh().mean()],
  },
];

/** x and y of [5, 7], a row of [1, 7]: dense, and as views. */
function inputsOf(seed: number): readonly (readonly Tensor[])[] {
  const [x, y] = [seeded(35, seed), seeded(35, seed + 1)];
  const row = tensor(seeded(7, seed + 2), { shape: [1, 7] });
  return [
    [tensor(x, { shape: [5, 7] }), tensor(y, { shape: [5, 7] }), row],
    [
      tensor(x, { shape: [7, 5] }).transpose(),
      tensor(y, { shape: [5, 7] }).flip([0, 1]),
      row.flip(1),
    ],
    [tensor(x, { shape: [5, 7] }), tensor(y.subarray(0, 5), { shape: [5, 1] }).expand([5, 7]), row],
  ];
}

function known({ test }: SuiteContext): void {
  for (const { name, body } of KNOWN) {
    test(`${name}: one launch, the bits of op by op`, async () => {
      for (const inputs of inputsOf(1)) expect(await compare(name, inputs, body)).toBe(1);
    });
  }
  test('what is more than one loop nest runs op by op, right all the same', async () => {
    const [inputs] = inputsOf(2) as [readonly Tensor[]];
    const twoAxes = await compare('two axes', inputs, ([x]) => [x!.sum(0), x!.sum(1)]);
    expect(twoAxes).toBe(2);
    const product = await compare('matmul', inputs, ([x, y]) => [x!.matmul(y!.transpose()).tanh()]);
    expect(product).toBe(2);
    await compare('flipped', inputs, ([x]) => [x!.exp().flip(1).add(x!.exp())]);
    const square = squareInputs(3)[0]!;
    await compare('transposed', square, ([x]) => [x!.exp().transpose().mul(x!.exp())]);
    await compare('kept, flipped', square, ([x]) => [x!.sub(x!.sum(1, keep).flip(0))]);
    await compare('kept, transposed', square, ([x]) => [x!.sub(x!.sum(1, keep).transpose())]);
    await compare('row of one', square, ([x]) => [x!.sub(x!.exp().narrow(0, 1, 1))]);
    await compare('sizes', inputs, ([x]) => [x!.narrow(1, 0, 3).exp(), x!.log1p()]);
  });
  test('empty and 0-d inputs', async () => {
    const body: Body = ([x]) => [x!.mul(2).add(1)];
    await compare('empty', [core.zeros([0, 3]).contiguous()], body);
    await compare('0-d', [tensor(3)], body);
    await compare('0-d sum', [tensor(3)], ([x]) => [x!.exp().sum()]);
  });
  test('gradients flow through the decomposition, to any order', async () => {
    const body: Body = ([x]) => [x!.mul(x!).tanh()];
    const composite = compositeOf(body);
    const x = tensor(seeded(9, 3));
    const nested = (f: Body): ((t: Tensor) => Tensor) =>
      core.grad((t: Tensor) =>
        core
          .grad((s: Tensor) => f([s])[0]!.sum())(t)
          .sum(),
      );
    assertSame('second', await nested(composite)(x).data(), await nested(body)(x).data());
  });
  test('a value that is being traced cannot be read', async () => {
    const read = compositeOf(([x]) => {
      const y = x!.mul(2);
      y.dataSync();
      return [y];
    });
    await expectError(
      () => core.noGrad(() => read([tensor([1, 2])])),
      core.TraceError,
      'mul: its result is a traced value, which has no elements yet: ' +
        'read it after the traced function has returned it',
    );
    assertSame('the next op', await tensor([1, 2]).mul(2).data(), [2, 4]);
  });
  test('a plan is made once per structure: other values and constants reuse it', async () => {
    const scaled = defineComposite<{ readonly by: number }>({
      name: 'conformance scaled',
      type: ([x]) => [x!],
      decompose: (_ops, [x], { by }) => [x!.mul(by).add(1)],
    });
    for (const by of [2, 3, -1]) {
      for (const seed of [1, 2]) {
        const x = tensor(seeded(12, seed));
        assertSame(`${by}`, await scaled([x], { by })[0]!.data(), await x.mul(by).add(1).data());
      }
    }
  });
}

/** Square, so that a transpose fits wherever its operand does. */
function squareInputs(seed: number): readonly (readonly Tensor[])[] {
  const of = (k: number): Tensor => tensor(seeded(36, seed + k), { shape: [6, 6] });
  const row = tensor(seeded(6, seed + 2), { shape: [1, 6] });
  return [
    [of(0), of(1), row],
    [of(0).transpose(), of(1).flip([0, 1]), row.flip(1)],
    [of(0), row.transpose().expand([6, 6]), row],
  ];
}

/** One random instruction: operands are picked among the values so far. */
interface Instruction {
  readonly op: number;
  readonly a: number;
  readonly b: number;
}
const UNARY: readonly ((x: Tensor) => Tensor)[] = [
  (x) => x.neg(),
  (x) => x.abs(),
  (x) => x.tanh(),
  (x) => x.sin(),
  (x) => x.floor(),
  (x) => x.abs().sqrt(),
  (x) => x.mul(0.25).exp(),
  (x) => x.add(-1.5),
  // Views of what was computed: not the same positions any more.
  (x) => x.flip(0),
  (x) => x.flip([0, 1]),
  (x) => x.transpose(),
];
const BINARY: readonly ((a: Tensor, b: Tensor) => Tensor)[] = [
  (a, b) => a.add(b),
  (a, b) => a.sub(b),
  (a, b) => a.mul(b),
  (a, b) => a.maximum(b),
  (a, b) => core.where(a.less(b), b, a),
  (a, b) => a.div(b.abs().add(1)),
];
const REDUCE: readonly ((x: Tensor, axis: number) => Tensor)[] = [
  (x, axis) => x.sum(axis, keep),
  (x, axis) => x.max(axis, keep),
  (x, axis) => x.mean(axis, keep),
  (x, axis) => x.min(axis, keep),
];
const OPS = UNARY.length + BINARY.length + REDUCE.length;

function programOf(instructions: readonly Instruction[], axis: number): Body {
  return (inputs) => {
    const values = [...inputs];
    for (const { op, a, b } of instructions) {
      const [x, y] = [values[a % values.length]!, values[b % values.length]!];
      if (op < UNARY.length) values.push(UNARY[op]!(x));
      else if (op < UNARY.length + BINARY.length) values.push(BINARY[op - UNARY.length]!(x, y));
      else values.push(REDUCE[op - UNARY.length - BINARY.length]!(x, axis));
    }
    return [values[values.length - 1]!];
  };
}

function random({ test, capabilities }: SuiteContext): void {
  // On a device every program is kernels to compile.
  const numRuns = capabilities.syncRead ? 250 : 80;
  const instruction = fc.record({
    op: fc.nat(OPS - 1),
    a: fc.nat(20),
    b: fc.nat(20),
  });
  const programs = fc.record({
    instructions: fc.array(instruction, { minLength: 1, maxLength: 10 }),
    axis: fc.constantFrom(0, 1),
    layout: fc.nat(2),
  });
  test('random programs give the same bits as composites and op by op', async () => {
    await fc.assert(
      fc.asyncProperty(programs, async ({ instructions, axis, layout }) => {
        const inputs = squareInputs(4)[layout]!;
        await compare('program', inputs, programOf(instructions, axis));
      }),
      { seed: 20_260_101, numRuns, interruptAfterTimeLimit: 40_000 },
    );
  });
}

export const fuseSuite: Suite = {
  name: 'fusion',
  define(context) {
    known(context);
    random(context);
  },
};

/** What bad input says: the class and the whole text of every error that an op can give. */
import * as core from '@tenon/core';
import { type Backend, DTypeError, TenonError, tensor } from '@tenon/core';
import { expect } from 'vitest';
import { type ErrorSample, ones } from '../samples/error-sample.ts';
import { AXES, DTYPES, SHAPES } from '../samples/errors-shape.ts';
import { EINSUM, VALUES } from '../samples/errors-value.ts';
import type { Suite, SuiteContext } from '../suite.ts';
import { expectError } from '../support.ts';

function samples(title: string, list: readonly ErrorSample[], { test }: SuiteContext): void {
  for (const { name, run, error, text } of list) {
    test(`${title}: ${name}`, () => expectError(run, error, text));
  }
}

function devices({ test, backend, create, capabilities }: SuiteContext): void {
  test('without a default backend the error shows the lines to write', async () => {
    core.setDefaultBackend(null);
    try {
      await expectError(
        () => tensor([1]),
        core.DeviceError,
        'no backend: pass { backend }, or set a default once:\n' +
          "  import { cpuJs } from '@tenon/cpu-js';\n" +
          '  setDefaultBackend(cpuJs());',
      );
    } finally {
      core.setDefaultBackend(backend);
    }
  });
  test('assign from another instance', async () => {
    const other = await create();
    await expectError(
      () => core.variable([1]).assign(tensor([1], { backend: other })),
      core.DeviceError,
      `assign: the variable is on ${backend.name}, the value on ${other.name}`,
    );
    other.dispose();
  });
  test('pickBackend takes the first that works and says why others did not', async () => {
    const broken = (): Backend => {
      throw new Error('no adapter');
    };
    const picked = await core.pickBackend([broken, create]);
    expect(picked.report).toEqual([
      { name: 'broken', works: false, reason: 'no adapter' },
      { name: picked.name, works: true, reason: 'works' },
    ]);
    picked.dispose();
    await expectError(
      () => core.pickBackend([broken, async () => broken()]),
      core.BackendError,
      'pickBackend: no backend works here:\n  broken: no adapter\n  backend 2: no adapter',
    );
    await expectError(
      () => core.pickBackend([]),
      core.BackendError,
      'pickBackend: no backend works here:\n  none was given',
    );
  });
  for (const dtype of ['f16', 'f64'] as const) {
    if (capabilities.dtypes.includes(dtype)) continue;
    test(`${dtype}, which this backend lacks`, () =>
      expectError(
        () => tensor([1], { dtype }),
        DTypeError,
        `tensor: ${backend.name} has no ${dtype} (it has ${capabilities.dtypes.join(', ')})`,
      ));
  }
  if (!capabilities.syncRead) {
    test('reading at once', () =>
      expectError(
        () => ones(2).dataSync(),
        core.BackendError,
        `dataSync: ${backend.name} cannot read at once (use await x.data())`,
      ));
  }
}

function classes({ test }: SuiteContext): void {
  test('every error is a TenonError with a name, and leaves everything in order', async () => {
    const all = [...SHAPES, ...DTYPES, ...AXES, ...VALUES, ...EINSUM];
    for (const { run } of all) {
      try {
        await run();
      } catch (error) {
        expect(error).toBeInstanceOf(TenonError);
        expect((error as Error).name).toBe((error as Error).constructor.name);
      }
    }
    expect([...(await ones(2).add(1).data())]).toEqual([2, 2]);
    expect(core.isGradEnabled()).toBe(true);
  });
}

export const errorSuite: Suite = {
  name: 'errors',
  define(context) {
    samples('shapes', SHAPES, context);
    samples('dtypes', DTYPES, context);
    samples('axes', AXES, context);
    samples('values', VALUES, context);
    samples('einsum', EINSUM, context);
    devices(context);
    classes(context);
  },
};

/**
 * describeBackend: the whole conformance suite over one backend, as vitest tests. A backend's own
 * test file is one call.
 */
import { type Backend, memory, setDefaultBackend } from '@tenon/core';
import { afterAll, beforeAll, describe, expect, test as vitestTest } from 'vitest';
import { type CreateBackend, missing, type Skip, type Suite, type SuiteContext } from './suite.ts';
import { SUITES } from './suites.ts';
import { DEFAULT_TOLERANCES, type Tolerances } from './tolerances.ts';

/** What describeBackend takes. */
export interface DescribeBackendOptions {
  /** Makes a fresh instance each time it is called. */
  readonly create: CreateBackend;
  /**
   * A backend with f64 that passes this suite: one without compares its gradients with it, which
   * else stay unchecked but for PyTorch's.
   */
  readonly reference?: CreateBackend;
  /** Bounds of sums and products where the backend needs others than the defaults. */
  readonly tolerances?: Partial<Tolerances>;
  /** Tests that do not pass yet. One that would pass is reported as a failure. */
  readonly skip?: readonly Skip[];
  /** Only these suites, by name; all if left out. */
  readonly suites?: readonly string[];
}

/**
 * Registers every conformance test for a backend.
 *
 * @example
 * ```ts
 * import { describeBackend } from '@tenon/conformance';
 * import { cpuJs } from '@tenon/cpu-js';
 *
 * describeBackend({ create: cpuJs });
 * ```
 */
export function describeBackend(options: DescribeBackendOptions): void {
  const { create, skip = [], suites } = options;
  const tolerances = { ...DEFAULT_TOLERANCES, ...options.tolerances };
  const unknown = (suites ?? []).filter((name) => !SUITES.some((suite) => suite.name === name));
  if (unknown.length > 0) {
    const known = SUITES.map((suite) => suite.name).join(', ');
    throw new Error(`describeBackend: expected suites among ${known}, got ${unknown.join(', ')}`);
  }
  describe('conformance', async () => {
    const backend = await create();
    const reference = await referenceOf(backend, options.reference);
    const names = new Set<string>();
    const wanted = SUITES.filter(({ name }) => suites === undefined || suites.includes(name));
    for (const suite of wanted) {
      const context = contextOf(suite, backend, { create, reference, tolerances, skip, names });
      describe(suite.name, () => {
        beforeAll(() => setDefaultBackend(backend));
        afterAll(() => setDefaultBackend(null));
        suite.define(context);
      });
    }
    describe('the skip list', () => {
      vitestTest('names tests that exist', () => {
        const whole = wanted.length === SUITES.length;
        expect(whole ? skip.map((entry) => entry.test).filter((n) => !names.has(n)) : []).toEqual(
          [],
        );
      });
    });
    afterAll(() => {
      // Reading the report also proves that the instance is still in order.
      memory(backend);
      backend.dispose();
      if (reference !== backend) reference?.dispose();
    });
  });
}

async function referenceOf(
  backend: Backend,
  create: CreateBackend | undefined,
): Promise<Backend | null> {
  if (backend.capabilities.dtypes.includes('f64')) return backend;
  const reference = create === undefined ? null : await create();
  if (reference !== null && !reference.capabilities.dtypes.includes('f64')) {
    throw new Error(`describeBackend: expected a reference with f64, got ${reference.name}`);
  }
  return reference;
}

interface Registration {
  readonly create: CreateBackend;
  readonly reference: Backend | null;
  readonly tolerances: Tolerances;
  readonly skip: readonly Skip[];
  readonly names: Set<string>;
}

function contextOf(suite: Suite, backend: Backend, registration: Registration): SuiteContext {
  const { capabilities } = backend;
  const { create, reference, tolerances, skip, names } = registration;
  return {
    backend,
    capabilities,
    tolerances,
    create: async () => create(),
    reference,
    ulp: (name) => capabilities.ulp[name] ?? 0,
    test: (name, fn, { needs = [], timeout } = {}) => {
      const full = `${suite.name} > ${name}`;
      if (names.has(full)) throw new Error(`two tests are called '${full}'`);
      names.add(full);
      const reason = needs.map((need) => missing(need, capabilities)).find((text) => text !== null);
      const entry = skip.find((candidate) => candidate.test === full);
      if (reason !== undefined) vitestTest.skip(`${name} (${reason})`, () => {});
      else if (entry !== undefined) expectFailure(name, fn, entry);
      else vitestTest(name, async () => fn(), timeout);
    },
  };
}

/** Runs a skipped test: its failure is the skip, its success an error. */
function expectFailure(name: string, fn: () => void | Promise<void>, entry: Skip): void {
  const why = `${entry.reason} (${entry.issue})`;
  vitestTest(`${name} [skipped: ${why}]`, async (context) => {
    await requireFailure(fn, entry);
    context.skip(why);
  });
}

/** Resolves when fn fails, as its skip entry says; @throws when it passes */
export async function requireFailure(
  fn: () => void | Promise<void>,
  { test, reason, issue }: Skip,
): Promise<void> {
  try {
    await fn();
  } catch {
    return;
  }
  throw new Error(`'${test}' passes now: remove it from the skip list (${reason}, ${issue})`);
}

/**
 * Every scalar row, alone, against double precision: thousands of values over the whole domain,
 * with NaN, infinities, both zeros and subnormals. The bound is what the capabilities declare.
 */
import { type DType, SCALARS, type ScalarName } from '@tenon/core';
import { assertNone, worstUlp } from '../compare.ts';
import { flushedUlpError } from '../flush.ts';
import { runScalar } from '../raw.ts';
import { SCALAR_REFERENCE } from '../reference.ts';
import { SCALAR_SAMPLES, type ScalarSample } from '../samples/scalars.ts';
import type { Suite, SuiteContext } from '../suite.ts';

const NAMES = Object.keys(SCALARS) as ScalarName[];

/** Double precision is itself computed in doubles, so it may be off by one more unit. */
function boundOf(context: SuiteContext, name: ScalarName, dtype: DType): number {
  const own = context.ulp(name);
  return dtype === 'f64' && own > 0 ? own + 1 : own;
}

async function check(context: SuiteContext, name: ScalarName, sample: ScalarSample): Promise<void> {
  const { operands, result } = sample;
  const columns = sample.values();
  const dtypes = { operands, result };
  const got = await runScalar(context.backend, name, dtypes, columns);
  const from = operands[operands.length - 1] as DType;
  const reference = SCALAR_REFERENCE[name];
  const want = Array.from(got, (_, i) =>
    reference(
      columns.map((column) => column[i] as number),
      result,
      from,
    ),
  );
  const bound = boundOf(context, name, result);
  const what = `${name} ${operands.join(', ')} → ${result}`;
  if (context.capabilities.subnormals) {
    const difference = worstUlp(got, want, result, bound);
    const at = difference === null ? '' : ` of (${columns.map((c) => c[difference.index]).join()})`;
    assertNone(what + at, difference);
    return;
  }
  const row = {
    reference: (x: readonly number[]) => reference(x, result, from),
    dtypes: operands,
    result,
  };
  got.forEach((value, i) => {
    const args = columns.map((column) => column[i] as number);
    if (flushedUlpError(value, args, row) <= bound) return;
    throw new Error(`${what}: of (${args.join()}): expected ${want[i]}, got ${value}`);
  });
}

export const scalarSuite: Suite = {
  name: 'scalars',
  define(context) {
    for (const name of NAMES) {
      for (const sample of SCALAR_SAMPLES[name]()) {
        const dtypes = [...sample.operands, sample.result];
        if (!dtypes.every((dtype) => context.capabilities.dtypes.includes(dtype))) continue;
        context.test(`${name}: ${sample.operands.join(', ')} → ${sample.result}`, () =>
          check(context, name, sample),
        );
      }
    }
  },
};

/**
 * Every scalar row, alone, against double precision: thousands of values over the whole domain,
 * with NaN, infinities, both zeros and subnormals. The bound is what the capabilities declare.
 */
import { type DType, SCALARS, type ScalarName } from '@tenon/core';
import { assertNone, rounded, ulpError, worstUlp } from '../compare.ts';
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

const LEAST_NORMAL: Readonly<Record<string, number>> = { f32: 2 ** -126, f64: 2 ** -1022 };
/** Where a backend flushes subnormals, both answers are right. */
function flushed(x: number, dtype: DType): number {
  const least = LEAST_NORMAL[dtype] ?? 0;
  return Math.abs(x) < least && x !== 0 ? Math.sign(x) * 0 : x;
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
  got.forEach((value, i) => {
    const args = columns.map((column, k) => flushed(column[i] as number, operands[k] as DType));
    const choices = [want[i] as number, reference(args, result, from)];
    const fits = choices.some(
      (choice) =>
        ulpError(value, choice, result) <= bound ||
        ulpError(value, flushed(rounded(choice, result), result), result) <= bound,
    );
    if (!fits)
      throw new Error(`${what}: element ${i}: expected ${choices.join(' or ')}, got ${value}`);
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

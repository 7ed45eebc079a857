/**
 * PyTorch's own samples (op_db): values and input gradients of every op that our public ops cover.
 * A form that is not ours gives its reason in words; a test counts how many there are.
 */
import { AxisError, type Tensor, tensor } from '@tenon/core';
import { expect } from 'vitest';
import { assertNone, assertShape, worstRelative } from '../compare.ts';
import { type GoldenSample, type GoldenTensor, loadGoldens } from '../golden.ts';
import { Reads } from '../reads.ts';
import { gradientAt, TorchCall, type TorchOp, type TorchResult } from '../samples/torch.ts';
import {
  GRADIENT_TOLERANCE,
  SINGLE_TOLERANCE,
  SPECIAL_TOLERANCE,
  TORCH_FAMILIES,
  type TorchTolerance,
  VALUE_TOLERANCE,
} from '../samples/torch-ops.ts';
import type { Suite, SuiteContext } from '../suite.ts';

/** What happened to each op's samples, for the coverage test. */
interface Coverage {
  readonly passed: Map<string, number>;
  readonly reasons: Map<string, Map<string, number>>;
}

/** How results of a sample are compared: all reads of an op together. */
interface Comparison {
  readonly reads: Reads;
  /** Places that count as right. */
  readonly ignored: ReadonlySet<number>;
}

let cache: Promise<Map<string, GoldenSample[]>> | null = null;
/** Samples by 'family/op'. */
function samplesByOp(): Promise<Map<string, GoldenSample[]>> {
  cache ??= loadGoldens().then((all) => {
    const map = new Map<string, GoldenSample[]>();
    for (const sample of all) {
      const key = `${sample.family}/${sample.op}`;
      map.set(key, [...(map.get(key) ?? []), sample]);
    }
    return map;
  });
  return cache;
}

/**
 * Where subnormal numbers are flushed: the places at which an elementwise sample has one, so that
 * PyTorch's answer is not the only one. Elsewhere they are too small to matter.
 */
function subnormalPlaces(sample: GoldenSample): ReadonlySet<number> {
  const { inputs, outputs, cotangents, inputGrads } = sample;
  const shape = outputs[0]?.shape.join();
  if ([...inputs, ...outputs].some((each) => each.shape.join() !== shape)) return new Set();
  const places = new Set<number>();
  for (const each of [...inputs, ...outputs, ...(cotangents ?? []), ...(inputGrads ?? [])]) {
    if (each?.dtype !== 'f32') continue;
    each.data.forEach((x, i) => {
      if (x !== 0 && Math.abs(x) < 2 ** -126) places.add(i);
    });
  }
  return places;
}

function compare(
  { reads, ignored }: Comparison,
  what: string,
  got: Tensor,
  want: GoldenTensor,
  { units, scale }: TorchTolerance,
): void {
  assertShape(what, got.shape, want.shape);
  if (got.dtype !== want.dtype)
    throw new Error(`${what}: expected ${want.dtype}, got ${got.dtype}`);
  const tolerance = want.dtype === 'f32' ? units * 2 ** -23 : 0;
  // A result below the least normal number may be lost on the way.
  const floor = scale === 'one' ? 1 : tolerance > 0 ? 2 ** -126 / tolerance : 0;
  const by = scale === 'element' ? 'element' : 'tensor';
  reads.add(got, (values) => {
    const seen = values.map((x, i) => (ignored.has(i) ? (want.data[i] as number) : x));
    assertNone(what, worstRelative(seen, want.data, tolerance, by, floor), 'relative');
  });
}

function outputsOf(result: Exclude<TorchResult, string>): {
  outputs: readonly Tensor[];
  mutated: ReadonlyMap<number, Tensor>;
} {
  if (Array.isArray(result)) return { outputs: result, mutated: new Map() };
  if ('outputs' in result) return { outputs: result.outputs, mutated: result.mutated };
  return { outputs: [result as Tensor], mutated: new Map() };
}

/** PyTorch lets axes 0 and -1 stand for the axis that a 0-d tensor does not have. */
async function attempt(call: TorchCall, op: TorchOp): Promise<TorchResult> {
  try {
    return await op(call);
  } catch (error) {
    const isScalar = error instanceof AxisError && error.message.endsWith('of a rank-0 tensor');
    if (isScalar) return 'an axis of a 0-d tensor is an AxisError here';
    throw error;
  }
}

/** Runs one sample; gives the reason where the form is not ours. */
async function run(
  { backend, capabilities }: SuiteContext,
  reads: Reads,
  sample: GoldenSample,
  op: TorchOp,
  what: string,
): Promise<string | null> {
  const call = new TorchCall(sample, backend);
  const result = await attempt(call, op);
  if (typeof result === 'string') return result;
  const { outputs, mutated } = outputsOf(result);
  const isSingle = !capabilities.dtypes.includes('f64');
  const special =
    (isSingle ? SINGLE_TOLERANCE[sample.op] : undefined) ?? SPECIAL_TOLERANCE[sample.op];
  const tolerance = special ?? VALUE_TOLERANCE[sample.family] ?? GRADIENT_TOLERANCE;
  if (outputs.length === 0) throw new Error(`${what}: no outputs`);
  const ignored = capabilities.subnormals ? new Set<number>() : subnormalPlaces(sample);
  const comparison: Comparison = { reads, ignored };
  for (const [i, output] of outputs.entries()) {
    const golden = sample.outputs[i] as GoldenTensor;
    compare(comparison, `${what}: output ${i}`, output, golden, tolerance);
  }
  for (const [i, golden] of (sample.mutated ?? []).entries()) {
    const after = mutated.get(i);
    if (golden === null) continue;
    if (after === undefined) throw new Error(`${what}: input ${i} must change`);
    compare(comparison, `${what}: input ${i} afterwards`, after, golden, tolerance);
  }
  gradients(comparison, call, sample, outputs, what, special);
  return null;
}

function gradients(
  comparison: Comparison,
  call: TorchCall,
  sample: GoldenSample,
  outputs: readonly Tensor[],
  what: string,
  special: TorchTolerance | undefined,
): void {
  const { cotangents, inputGrads } = sample;
  if (cotangents === null || inputGrads === null) return;
  // Ops that give fewer outputs than PyTorch (no indices) have no cotangent for the others.
  const terms = outputs.flatMap((output, i) => {
    const cotangent = cotangents[i];
    if (!cotangent || !output.requiresGrad) return [];
    return [output.mul(tensor(cotangent.data, { shape: cotangent.shape })).sum()];
  });
  if (terms.length > 0) terms.reduce((a, b) => a.add(b)).backward();
  const own = special ?? GRADIENT_TOLERANCE;
  const tolerance = own.units > GRADIENT_TOLERANCE.units ? own : GRADIENT_TOLERANCE;
  for (const [i, golden] of inputGrads.entries()) {
    if (golden === null) continue;
    const grad = gradientAt(call.inputs[i] as Tensor);
    const label = `${what}: gradient of input ${i}`;
    if (grad !== null) compare(comparison, label, grad, golden, tolerance);
    else if (golden.data.some((x) => x !== 0)) throw new Error(`${label}: expected one, got none`);
  }
}

function register(context: SuiteContext, family: string, op: string, coverage: Coverage): void {
  context.test(`${family}: ${op}`, async () => {
    const samples = (await samplesByOp()).get(`${family}/${op}`);
    if (samples === undefined) throw new Error(`there are no golden samples of ${family}/${op}`);
    const reads = new Reads();
    const reasons: (string | null)[] = [];
    for (const [i, sample] of samples.entries()) {
      const what = `${op} sample ${i}${sample.variant === '' ? '' : ` (${sample.variant})`}`;
      const fn = (TORCH_FAMILIES[family] as Record<string, TorchOp>)[op] as TorchOp;
      reasons.push(await run(context, reads, sample, fn, what));
    }
    await reads.settle();
    const name = `${family}/${op}`;
    for (const reason of reasons) {
      if (reason === null) coverage.passed.set(name, (coverage.passed.get(name) ?? 0) + 1);
      else {
        const counts = coverage.reasons.get(name) ?? new Map<string, number>();
        counts.set(reason, (counts.get(reason) ?? 0) + 1);
        coverage.reasons.set(name, counts);
      }
    }
  });
}

/** Fewest ops and samples that must be covered: raised when more are, never lowered. */
const LEAST = { ops: 300, samples: 1850 } as const;

function reportCoverage({ test }: SuiteContext, coverage: Coverage): void {
  test('coverage: ops and samples compared with PyTorch', async () => {
    const all = await samplesByOp();
    const ops = coverage.passed.size;
    const samples = [...coverage.passed.values()].reduce((a, b) => a + b, 0);
    const total = [...all.values()].reduce((n, list) => n + list.length, 0);
    const lines = [...coverage.reasons].flatMap(([name, reasons]) =>
      [...reasons].map(([reason, count]) => `  ${name}: ${count} × ${reason}`),
    );
    const missing = [...all.keys()].filter((key) => {
      const [family = '', ...rest] = key.split('/');
      return TORCH_FAMILIES[family]?.[rest.join('/')] === undefined;
    });
    console.info(
      `PyTorch goldens: ${ops} of ${all.size} ops, ${samples} of ${total} samples compared; ` +
        `not ours:\n${lines.join('\n')}\nnot mapped: ${missing.join(', ') || 'none'}`,
    );
    expect(ops).toBeGreaterThanOrEqual(LEAST.ops);
    expect(samples).toBeGreaterThanOrEqual(LEAST.samples);
  });
}

export const torchSuite: Suite = {
  name: 'PyTorch goldens',
  define(context) {
    const coverage: Coverage = { passed: new Map(), reasons: new Map() };
    for (const [family, ops] of Object.entries(TORCH_FAMILIES)) {
      for (const op of Object.keys(ops)) register(context, family, op, coverage);
    }
    reportCoverage(context, coverage);
  },
};

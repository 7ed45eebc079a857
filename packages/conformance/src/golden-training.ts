/**
 * The training goldens: loss curves of small models (training.json) and of the benchmark's models
 * (models.json), and the generator that makes their weights and batches, so that neither is
 * committed. The Python twin is tooling/goldens/hashed.py.
 */
import { GoldenError, type GoldenReader, loadGoldenJson } from './golden.ts';

/** A parameter: how to make its initial values, and its sums before and after training. */
export interface GoldenParameter {
  /** PyTorch's state-dict name, e.g. `0.weight`. */
  readonly name: string;
  readonly shape: readonly number[];
  /** `hashedFloats(seed, size, { scale, offset })` gives the initial values. */
  readonly seed: number;
  readonly offset: number;
  readonly scale: number;
  readonly initialSum: number;
  readonly initialSumOfSquares: number;
  /** After the last step of the float64 run. */
  readonly finalSum: number;
  readonly finalSumOfSquares: number;
}

/** How the batches are made; step s trains on batch s mod count. */
export type GoldenBatches =
  | {
      readonly kind: 'floats';
      readonly seed: number;
      readonly shape: readonly number[];
      readonly scale: number;
      readonly offset: number;
      readonly classes: number;
      readonly count: number;
    }
  | {
      readonly kind: 'tokens';
      readonly seed: number;
      /** [batch, length]; the targets are the next tokens. */
      readonly shape: readonly number[];
      readonly classes: number;
      readonly count: number;
    };

/** PyTorch's optimizer arguments; weight_decay is L2 (added to the gradient). */
export type GoldenOptimizer =
  | {
      readonly kind: 'sgd';
      readonly lr: number;
      readonly momentum: number;
      readonly weight_decay: number;
    }
  | {
      readonly kind: 'adam';
      readonly lr: number;
      readonly betas: readonly [number, number];
      readonly eps: number;
      readonly weight_decay: number;
    };

/** One training run: what to build, and the mean cross-entropy before each step's update. */
export interface GoldenRun {
  readonly name: string;
  readonly model: string;
  readonly loss: string;
  readonly optimizer: GoldenOptimizer;
  readonly steps: number;
  readonly batches: GoldenBatches;
  readonly parameterCount: number;
  /** In PyTorch's order of parameters. */
  readonly parameters: readonly GoldenParameter[];
  /** Largest relative difference between PyTorch's own float32 and float64 losses. */
  readonly float32Drift: number;
  /** Computed in float64 from the float32 weights and batches. */
  readonly losses: readonly number[];
  readonly lossesFloat32: readonly number[];
}

/**
 * Loads the runs of training.json (50 steps; `mlp-sgd`, `mlp-adam`, `mlp-adam-l2`, `cnn-sgd`,
 * `cnn-adam`) or models.json (20 steps; `mlp`, `cnn`, `transformer`, `lstm`).
 *
 * @throws GoldenError when the file is missing or holds no runs
 */
export async function loadGoldenRuns(
  file: 'training.json' | 'models.json',
  read?: GoldenReader,
): Promise<readonly GoldenRun[]> {
  const json = await loadGoldenJson(file, read);
  if (typeof json === 'object' && json !== null && 'runs' in json && isRuns(json.runs)) {
    return json.runs;
  }
  throw new GoldenError(file, 'expected training runs with losses and parameters');
}

function isRuns(runs: unknown): runs is GoldenRun[] {
  return (
    Array.isArray(runs) &&
    runs.every(
      (run: unknown) =>
        typeof run === 'object' &&
        run !== null &&
        'losses' in run &&
        'parameters' in run &&
        'batches' in run,
    )
  );
}

/** MurmurHash3's 32-bit finalizer of i + seed · 0x9E3779B1 (mod 2³²), upper 24 bits. */
function hash24(seed: number, i: number): number {
  let h = (i + Math.imul(seed, 0x9e3779b1)) >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) >>> 8;
}

/**
 * `count` floats in [offset - scale, offset + scale): float32(offset + float32(scale)·(2u - 1))
 * with u = hash24 / 2²⁴; the same bits in Python and JavaScript.
 *
 * @example
 * const weight = hashedFloats(1000, 32 * 64, { scale: 1 / Math.sqrt(64) });
 */
export function hashedFloats(
  seed: number,
  count: number,
  range: { readonly scale: number; readonly offset?: number },
): Float32Array<ArrayBuffer> {
  const [scale, offset] = [Math.fround(range.scale), range.offset ?? 0];
  return Float32Array.from({ length: count }, (_, i) => {
    return offset + scale * ((2 * hash24(seed, i)) / 2 ** 24 - 1);
  });
}

/** `count` integers in [0, below): hash24 mod below. */
export function hashedIntegers(
  seed: number,
  count: number,
  below: number,
): Int32Array<ArrayBuffer> {
  return Int32Array.from({ length: count }, (_, i) => hash24(seed, i) % below);
}

/** A batch of a training golden: x in `shape` (tokens: i32), labels as class numbers. */
export interface GoldenBatch {
  readonly x: { readonly shape: readonly number[]; readonly data: Float32Array | Int32Array };
  readonly labels: { readonly shape: readonly number[]; readonly data: Int32Array };
}

/**
 * Makes batch `number` (0 ≤ number < count) of a run. Floats: x from seed + 2·number, labels
 * [batch] from the seed after it. Tokens: rows of length + 1 tokens from seed + 2·number, x without
 * the last one, labels [batch, length] without the first.
 */
export function goldenBatch(batches: GoldenBatches, number: number): GoldenBatch {
  const { shape, classes } = batches;
  const seed = batches.seed + 2 * number;
  const [rows = 0, length = 0] = shape;
  if (batches.kind === 'floats') {
    const size = shape.reduce((product, n) => product * n, 1);
    const labels = hashedIntegers(seed + 1, rows, classes);
    return {
      x: { shape, data: hashedFloats(seed, size, batches) },
      labels: { shape: [rows], data: labels },
    };
  }
  const ids = hashedIntegers(seed, rows * (length + 1), classes);
  const shifted = (by: number): Int32Array =>
    Int32Array.from({ length: rows * length }, (_, i) => {
      return ids[Math.floor(i / length) * (length + 1) + (i % length) + by] ?? 0;
    });
  return { x: { shape, data: shifted(0) }, labels: { shape, data: shifted(1) } };
}

/** The initial values of a parameter of a run. */
export function goldenParameter(parameter: GoldenParameter): Float32Array<ArrayBuffer> {
  const size = parameter.shape.reduce((product, n) => product * n, 1);
  return hashedFloats(parameter.seed, size, parameter);
}

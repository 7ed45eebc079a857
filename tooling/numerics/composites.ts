/**
 * Errors that grow with the number of terms: sums, softmax, layerNorm, matmul. Each is compared
 * with loops in double precision and divided by the sum of the magnitudes that were added.
 */
import * as core from '../../packages/core/src/index.ts';
import { type Backend, type Tensor, tensor } from '../../packages/core/src/index.ts';
import { normals, uniforms } from './samples.ts';

/** How large the measured problems are: 1 for the page, less for the test. */
export type Scale = number;

interface Case {
  readonly name: string;
  /** What the error is divided by. */
  readonly relativeTo: string;
  /** The largest relative error on a backend. */
  measure(backend: Backend): Promise<number>;
}

const from = (
  data: Float32Array<ArrayBuffer>,
  shape: readonly number[],
  backend: Backend,
): Tensor => tensor(data, { shape, backend });

/** Neumaier's compensated sum, of the values and of their magnitudes. */
function exactSum(x: ArrayLike<number>): { sum: number; magnitude: number } {
  let sum = 0;
  let lost = 0;
  let magnitude = 0;
  for (let i = 0; i < x.length; i++) {
    const value = x[i] as number;
    const next = sum + value;
    lost += Math.abs(sum) >= Math.abs(value) ? sum - next + value : value - next + sum;
    sum = next;
    magnitude += Math.abs(value);
  }
  return { sum: sum + lost, magnitude };
}

function sumCase(name: string, data: () => Float32Array<ArrayBuffer>): Case {
  let known: { x: Float32Array<ArrayBuffer>; sum: number; magnitude: number } | null = null;
  return {
    name,
    relativeTo: 'Σ|x|',
    async measure(backend) {
      if (known === null) {
        const x = data();
        known = { x, ...exactSum(x) };
      }
      const { x, sum, magnitude } = known;
      const input = from(x, [x.length], backend);
      const got = await core.sum(input).item();
      input.dispose();
      return Math.abs(got - sum) / magnitude;
    },
  };
}

/** A map of rows: `reference` gives a row's result and the scale of each of its errors. */
function rowCase(
  name: string,
  relativeTo: string,
  shape: readonly [number, number],
  data: () => Float32Array<ArrayBuffer>,
  apply: (x: Tensor) => Tensor,
  reference: (row: Float64Array) => { y: Float64Array; scale: number },
): Case {
  const [rows, columns] = shape;
  return {
    name,
    relativeTo,
    async measure(backend) {
      const x = data();
      const input = from(x, shape, backend);
      const got = await apply(input).data();
      input.dispose();
      let worst = 0;
      for (let r = 0; r < rows; r++) {
        const start = r * columns;
        const { y, scale } = reference(Float64Array.from(x.subarray(start, start + columns)));
        y.forEach((exact, i) => {
          worst = Math.max(worst, Math.abs((got[start + i] as number) - exact) / scale);
        });
      }
      return worst;
    },
  };
}

function softmaxRow(row: Float64Array): { y: Float64Array; scale: number } {
  const most = row.reduce((a, b) => Math.max(a, b));
  const powers = row.map((x) => Math.exp(x - most));
  const { sum } = exactSum(powers);
  return { y: powers.map((p) => p / sum), scale: 1 };
}

function normalizedRow(row: Float64Array): { y: Float64Array; scale: number } {
  const mean = exactSum(row).sum / row.length;
  const centered = row.map((x) => x - mean);
  const variance = exactSum(centered.map((x) => x * x)).sum / row.length;
  const y = centered.map((x) => x / Math.sqrt(variance + 1e-5));
  return { y, scale: y.reduce((a, b) => Math.max(a, Math.abs(b)), 0) };
}

function matmulCase(m: number, k: number, n: number): Case {
  return {
    name: `matmul [${m}, ${k}] · [${k}, ${n}], normal`,
    relativeTo: 'Σ|a·b|',
    async measure(backend) {
      const [a, b] = [normals(21, m * k), normals(22, k * n)];
      const [left, right] = [from(a, [m, k], backend), from(b, [k, n], backend)];
      const got = await core.matmul(left, right).data();
      left.dispose();
      right.dispose();
      let worst = 0;
      const sum = new Float64Array(n);
      const magnitude = new Float64Array(n);
      for (let i = 0; i < m; i++) {
        sum.fill(0);
        magnitude.fill(0);
        for (let p = 0; p < k; p++) {
          for (let j = 0; j < n; j++) {
            const product = (a[i * k + p] as number) * (b[p * n + j] as number);
            sum[j] = (sum[j] as number) + product;
            magnitude[j] = (magnitude[j] as number) + Math.abs(product);
          }
        }
        for (let j = 0; j < n; j++) {
          const error = Math.abs((got[i * n + j] as number) - (sum[j] as number));
          worst = Math.max(worst, error / (magnitude[j] as number));
        }
      }
      return worst;
    },
  };
}

function casesOf(scale: Scale): Case[] {
  const terms = Math.round(1e7 * scale);
  const rows = Math.max(4, Math.round(256 * scale));
  const size = (full: number): number => Math.max(8, Math.round(full * scale));
  const grown = (seed: number, by: number, plus: number) => () =>
    normals(seed, rows * 1024).map((x) => by * x + plus);
  return [
    sumCase(`sum of ${terms} uniform numbers`, () =>
      Float32Array.from({ length: terms }, uniforms(11)),
    ),
    sumCase(`sum of ${terms} times 0.1`, () => new Float32Array(terms).fill(0.1)),
    sumCase(`sum of ${terms} numbers of both signs`, () =>
      Float32Array.from({ length: terms }, uniforms(12, -1, 1)),
    ),
    rowCase(
      ...(['softmax of 1024 logits, deviation 4', 'Σ p = 1', [rows, 1024]] as const),
      grown(13, 4, 0),
      (x) => core.softmax(x, -1),
      softmaxRow,
    ),
    rowCase(
      ...(['layerNorm of 1024 numbers, mean 100', 'max|y| of the row', [rows, 1024]] as const),
      grown(14, 1, 100),
      (x) => core.layerNorm(x, [1024]),
      normalizedRow,
    ),
    matmulCase(size(256), size(256), size(256)),
    matmulCase(size(64), 4096, size(64)),
  ];
}

export interface MeasuredComposite {
  readonly name: string;
  readonly relativeTo: string;
  /** One per backend. */
  readonly errors: readonly number[];
}

/** Every case on every backend. */
export async function measureComposites(
  backends: readonly Backend[],
  scale: Scale,
): Promise<MeasuredComposite[]> {
  const measured: MeasuredComposite[] = [];
  for (const { name, relativeTo, measure } of casesOf(scale)) {
    const errors: number[] = [];
    for (const backend of backends) errors.push(await measure(backend));
    measured.push({ name, relativeTo, errors });
  }
  return measured;
}

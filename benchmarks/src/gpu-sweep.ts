// What `--gpu` measures of Tenon itself: large products and maps in each variant of the kernels,
// checked first, and timed many launches to a submit, so that only the kernels count.
import { defineComposite, setDefaultBackend, type Tensor, tensor } from '@tenon/core';
import { type Variant, webgpu } from '@tenon/webgpu';
import { bits, uniform } from './generator.ts';
import type { GpuRow } from './gpu-protocol.ts';
import { summarize } from './stats.ts';

const ENOUGH_MS = 100;
const SAMPLES = 7;
const CHECKED = 256;

interface Work {
  readonly name: string;
  readonly inputs: readonly (readonly number[])[];
  readonly flops: number | null;
  /** Bytes that have to be read and written. */
  readonly bytes: number | null;
  compute(x: readonly Tensor[]): Tensor;
  /** The element at `index` in float64, and how far a result may be from it. */
  expected(inputs: readonly Float32Array[], index: number): readonly [number, number];
}

function product(size: number): Work {
  return {
    name: `matmul-${size}`,
    inputs: [
      [size, size],
      [size, size],
    ],
    flops: 2 * size ** 3,
    bytes: null,
    compute: ([x, y]) => x!.matmul(y!),
    expected([x, y], index) {
      const row = Math.floor(index / size) * size;
      const column = index % size;
      let sum = 0;
      let terms = 0;
      for (let k = 0; k < size; k++) {
        const term = x![row + k]! * y![k * size + column]!;
        sum += term;
        terms += Math.abs(term);
      }
      return [sum, (Math.sqrt(size) + 4) * 2 ** -24 * terms];
    },
  };
}

const tanhChain = defineComposite<null>({
  name: 'sweepTanhChain',
  type: ([x]) => [x!],
  decompose: (ops, [x, y, z]) => [ops.mul(ops.tanh(ops.add(ops.mul(x!, y!), z!)), 0.5)],
});

function maps(rows: number): readonly Work[] {
  const shape = [rows, 1024];
  const bytes = rows * 1024 * 4;
  const name = (kind: string): string => `${kind}-${rows / 1024}m`;
  return [
    {
      name: name('add'),
      inputs: [shape, shape],
      flops: null,
      bytes: 3 * bytes,
      compute: ([x, y]) => x!.add(y!),
      expected: ([x, y], i) => [Math.fround(x![i]! + y![i]!), 0],
    },
    {
      name: name('tanh-chain'),
      inputs: [shape, shape, shape],
      flops: null,
      bytes: 4 * bytes,
      compute: (x) => tanhChain(x, null)[0]!,
      expected: ([x, y, z], i) => [Math.tanh(x![i]! * y![i]! + z![i]!) * 0.5, 2e-6],
    },
    {
      name: name('softmax'),
      inputs: [shape],
      flops: null,
      bytes: 2 * bytes,
      compute: ([x]) => x!.softmax(-1),
      expected([x], i) {
        const row = x!.subarray(i - (i % 1024), i - (i % 1024) + 1024);
        const sum = row.reduce((total, value) => total + Math.exp(value), 0);
        const value = Math.exp(x![i]!) / sum;
        return [value, value * 1e-5];
      },
    },
  ];
}

/** The works of a sweep: a CPU that plays a GPU gets small ones. */
export function worksOf(isCpu: boolean): readonly Work[] {
  const sizes = isCpu ? [256, 512] : [1024, 2048, 4096];
  return [...sizes.map(product), ...maps(isCpu ? 1024 : 65_536)];
}

/** What is wrong with an output at some positions, or null. */
export async function checkResult(
  work: Work,
  inputs: readonly Float32Array[],
  output: Tensor,
): Promise<string | null> {
  const got = await output.data();
  for (let i = 0; i < CHECKED; i++) {
    const index = i === 0 ? got.length - 1 : bits(7, i) % got.length;
    const [value, allowed] = work.expected(inputs, index);
    if (Math.abs(got[index]! - value) <= allowed) continue;
    const bound = allowed.toExponential(1);
    return `element ${index}: expected ${value} within ${bound}, got ${got[index]}`;
  }
  return null;
}

interface Synchronizing {
  synchronize(): Promise<void>;
}

async function timeRuns(backend: Synchronizing, run: () => void, count: number): Promise<number> {
  const start = performance.now();
  for (let i = 0; i < count; i++) run();
  await backend.synchronize();
  return (performance.now() - start) / count;
}

async function measureWork(backend: Synchronizing, work: Work): Promise<Omit<GpuRow, 'variant'>> {
  const { name, flops, bytes } = work;
  const host = work.inputs.map((shape, i) =>
    uniform(
      i + 1,
      shape.reduce((a, b) => a * b, 1),
    ),
  );
  const inputs = host.map((data, i) => tensor(data, { shape: work.inputs[i]! }));
  const first = work.compute(inputs);
  const wrong = await checkResult(work, host, first);
  first.dispose();
  const times: number[] = [];
  if (wrong === null) {
    const run = (): void => work.compute(inputs).dispose();
    let count = 1;
    let last = await timeRuns(backend, run, count);
    while (last * count < ENOUGH_MS) {
      count = Math.min(count * 4, Math.ceil((1.2 * ENOUGH_MS) / last));
      last = await timeRuns(backend, run, count);
    }
    for (let i = 0; i < SAMPLES; i++) times.push(await timeRuns(backend, run, count));
  }
  for (const x of inputs) x.dispose();
  if (wrong !== null) return { name, flops, bytes, median: null, min: null, spread: null, wrong };
  return { name, flops, bytes, ...summarize(times), wrong: null };
}

/** Every work in each variant that runs here, the device's own choice first. */
export async function sweepTenon(gpu: GPU): Promise<readonly GpuRow[]> {
  const rows: GpuRow[] = [];
  const plain = await webgpu({ gpu });
  const own = plain.variant;
  const works = worksOf(plain.isCpuAdapter);
  const hasSubgroups = plain.device.features.has('subgroups');
  plain.dispose();
  const all: readonly Variant[] = ['subgroup', 'workgroup', 'register'];
  const others = all.filter((v) => v !== own && (v !== 'subgroup' || hasSubgroups));
  for (const variant of [own, ...others]) {
    const backend = await webgpu({ gpu, variant });
    setDefaultBackend(backend);
    for (const work of works) rows.push({ variant, ...(await measureWork(backend, work)) });
    setDefaultBackend(null);
    backend.dispose();
  }
  return rows;
}

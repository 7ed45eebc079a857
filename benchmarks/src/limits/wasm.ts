// The ceilings of WebAssembly on this machine, one thread: the largest multiply-add rate over a
// sweep of accumulator counts, unrolling and instruction mixes, and the speed of a copy. A sweep,
// because the best loop differs between processors and versions of V8.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Arithmetic, encodeCopy, encodeLoop, type Mix } from './wasm-loops.ts';

const ACCUMULATORS = [4, 6, 8, 10, 12, 13, 14] as const;
const UNROLLS = [1, 2, 4] as const;
const ROWS = [4, 5, 6] as const;

/** Loops of about this long are timed, in floating-point operations. */
const FLOPS = 2e7;
const REPEATS = 9;
const COPIED = 2 ** 26;
const PAGE = 2 ** 16;

/** The loops that are tried. */
export const SWEEP: readonly Mix[] = [
  ...(['chain', 'split'] as const).flatMap((kind) =>
    ACCUMULATORS.flatMap((accumulators) =>
      UNROLLS.map((unroll) => ({ kind, accumulators, unroll })),
    ),
  ),
  ...ROWS.flatMap((rows) => UNROLLS.map((unroll) => ({ kind: 'tile', rows, unroll }) as const)),
];

interface Instance {
  readonly run: (...args: number[]) => number | undefined;
  readonly memory: WebAssembly.Memory;
}

function instantiate(bytes: Uint8Array<ArrayBuffer>): Instance {
  const { run, memory } = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
  if (typeof run !== 'function' || !(memory instanceof WebAssembly.Memory)) {
    throw new Error('limits: expected a module with run and memory');
  }
  return { run: run as Instance['run'], memory };
}

/** Milliseconds of the fastest of some calls. */
function fastest(call: () => void): number {
  let best = Infinity;
  for (let i = 0; i < REPEATS; i++) {
    const start = performance.now();
    call();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

/** The rate of one loop, GFLOP/s, and which it was. */
export interface Rate {
  readonly mix: Mix;
  readonly gflops: number;
}

/** Every loop of the sweep with its rate; null where the engine refuses the instructions. */
export async function sweepWasm(arithmetic: Arithmetic): Promise<readonly Rate[] | null> {
  // relaxed_madd twice would only do half the work of its kind in the split mix.
  const mixes = SWEEP.filter(({ kind }) => arithmetic !== 'relaxed' || kind !== 'split');
  const loops = mixes.map((mix) => ({ mix, ...encodeLoop(arithmetic, mix) }));
  if (!WebAssembly.validate(loops[0]!.bytes)) return null;
  const ready = loops.map(({ mix, bytes, flopsPerStep }) => {
    const { run, memory } = instantiate(bytes);
    // s and b of the chains are ½, so that every chain stays near 1: no subnormal, no infinity.
    new Float32Array(memory.buffer).fill(0.5);
    const steps = Math.ceil(FLOPS / flopsPerStep);
    // The optimizing compiler works beside the first calls; a call begun before stays as it is.
    for (let i = 0; i < 10; i++) run(Math.ceil(steps / 10));
    return { mix, run: () => run(steps), flops: steps * flopsPerStep };
  });
  await sleep(50);
  return ready.map(({ mix, run, flops }) => {
    run();
    return { mix, gflops: flops / fastest(run) / 1e6 };
  });
}

/** Peak of multiply and add with `arithmetic`, GFLOP/s; null where it is not to be had. */
export async function measureWasmPeak(arithmetic: Arithmetic): Promise<number | null> {
  const rates = await sweepWasm(arithmetic);
  return rates === null ? null : Math.max(...rates.map(({ gflops }) => gflops));
}

/** Bytes read plus bytes written per second by a copy of 64 MiB, GB/s; null without SIMD. */
export async function measureCopyBandwidth(): Promise<number | null> {
  const bytes = encodeCopy((2 * COPIED) / PAGE);
  if (!WebAssembly.validate(bytes)) return null;
  const { run, memory } = instantiate(bytes);
  new Uint8Array(memory.buffer).fill(1);
  const copy = (): void => void run(0, COPIED, COPIED / 64);
  for (let i = 0; i < 3; i++) copy();
  await sleep(20);
  return (2 * COPIED) / fastest(copy) / 1e6;
}

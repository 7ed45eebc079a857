import { describe, expect, it } from 'vitest';
import { measureCopyBandwidth, SWEEP, sweepWasm } from './wasm.ts';
import { type Arithmetic, encodeCopy, encodeLoop, type Mix } from './wasm-loops.ts';

/** What `run(steps)` gives when all of memory is ½. */
function run(arithmetic: Arithmetic, mix: Mix, steps: number): number {
  const { bytes } = encodeLoop(arithmetic, mix);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
  const memory = exports.memory as WebAssembly.Memory;
  new Float32Array(memory.buffer).fill(0.5);
  return (exports.run as (steps: number) => number)(steps);
}

describe('encodeLoop', () => {
  it.each(['scalar', 'simd', 'relaxed'] as const)('%s: does the operations it counts', (kind) => {
    // a ← a/2 + 1/2 from 1/2, 3 times: 15/16, in 4 accumulators; two bodies a step take 6.
    const chain = { kind: 'chain', accumulators: 4, unroll: 1 } as const;
    expect(run(kind, chain, 3)).toBe(4 * (15 / 16));
    expect(run(kind, { ...chain, unroll: 2 }, 3)).toBe(4 * (127 / 128));
    // Half of them a ← a/2, half a ← a + 1/2.
    expect(run(kind, { ...chain, kind: 'split' }, 3)).toBe(2 * (1 / 16) + 2 * 2);
    // 2 passes of 256 products ¼ in 8 accumulators, of which the first lane is seen.
    expect(run(kind, { kind: 'tile', rows: 4, unroll: 2 }, 2)).toBe(8 * 2 * 256 * 0.25);
  });

  it('counts a multiply-add as two, in each lane', () => {
    const chain = { kind: 'chain', accumulators: 6, unroll: 2 } as const;
    expect(encodeLoop('scalar', chain).flopsPerStep).toBe(24);
    expect(encodeLoop('relaxed', chain).flopsPerStep).toBe(96);
    expect(encodeLoop('simd', { ...chain, kind: 'split' }).flopsPerStep).toBe(48);
    const tile = { kind: 'tile', rows: 5, unroll: 1 } as const;
    expect(encodeLoop('simd', tile).flopsPerStep).toBe(2 * 5 * 8 * 256);
  });
});

describe('encodeCopy', () => {
  it('copies 64 bytes a step', () => {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(encodeCopy(1)));
    const bytes = new Uint8Array((exports.memory as WebAssembly.Memory).buffer);
    bytes.forEach((_, i) => {
      bytes[i] = i % 251;
    });
    (exports.run as (from: number, to: number, steps: number) => void)(64, 4096, 3);
    expect(bytes.slice(4096, 4096 + 192)).toEqual(bytes.slice(64, 64 + 192));
    expect(bytes[4096 + 192]).toBe((4096 + 192) % 251);
  });
});

describe('the measured limits', () => {
  it('come from every loop of the sweep', async () => {
    const rates = await sweepWasm('simd');
    expect(rates).toHaveLength(SWEEP.length);
    for (const { gflops } of rates ?? []) expect(gflops).toBeGreaterThan(0);
  });

  it('have a bandwidth', async () => {
    expect(await measureCopyBandwidth()).toBeGreaterThan(0);
  });
});

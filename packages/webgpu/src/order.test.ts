/**
 * Random commands, flushes and waits against plain arrays: whatever is recorded, deferred, pooled
 * and cached, reads give what running each command at once would have given.
 */
import { expect, test } from 'vitest';
import type { WebGpuBackend } from './backend.ts';
import type { GpuBuffer } from './buffers.ts';
import { ADD_SPEC, testBackend } from './test-kernels.ts';
import { addWords } from './test-sources.ts';

const N = 4;
/** Above what travels with the commands, so that every way of writing is met. */
const LARGE = 2 ** 18 + 16;

/** Mulberry32: a seeded generator with 32 bits of state. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

interface Cell {
  buffer: GpuBuffer;
  /** The first N values: the rest of a large buffer is never looked at. */
  values: number[];
}

async function play(backend: WebGpuBackend, seed: number): Promise<void> {
  const random = generator(seed);
  const add = backend.prepare.region(ADD_SPEC);
  const make = (): Cell => {
    const length = random(4) === 0 ? LARGE : N;
    const values = Array.from({ length: N }, () => random(100));
    const buffer = backend.allocate(length * 4);
    const all = new Float32Array(length);
    all.set(values);
    backend.write(buffer, all);
    return { buffer, values };
  };
  const cells = Array.from({ length: 6 }, make);
  const checks: Promise<void>[] = [];
  const pick = (): Cell => cells[random(cells.length)] as Cell;
  const check = ({ buffer, values }: Cell): void => {
    const wanted = [...values];
    const reading = backend.read(buffer, 0, 4 * N);
    checks.push(
      reading.then((bytes) => {
        expect([...new Float32Array(bytes.buffer)]).toEqual(wanted);
      }),
    );
  };
  for (let i = 0; i < 300; i++) {
    const [a, b, c] = [pick(), pick(), pick()];
    const what = random(12);
    if (what < 4) {
      if (c === a || c === b) continue;
      backend.launch(add, [a.buffer, b.buffer, c.buffer], addWords(N));
      c.values = a.values.map((value, j) => Math.fround(value + (b.values[j] as number)));
    } else if (what < 6) {
      a.values = a.values.map(() => random(100));
      const all = new Float32Array(a.buffer.byteLength / 4);
      all.set(a.values);
      backend.write(a.buffer, all);
    } else if (what === 6) {
      backend.copy({ from: a.buffer, fromByte: 4, to: b.buffer, toByte: 0, byteLength: 12 });
      b.values = [...a.values.slice(1), b.values[3] as number];
    } else if (what === 7) {
      backend.free(a.buffer);
      Object.assign(a, make());
    } else if (what < 10) check(a);
    else if (what === 10) backend.flush();
    else await (random(3) === 0 ? new Promise((resolve) => setTimeout(resolve, 0)) : null);
  }
  cells.forEach(check);
  await Promise.all(checks);
}

test.each([1, 2, 3, 4])('random commands, seed %i', async (seed) => {
  // A fresh device each time: at first the pipeline still compiles.
  const backend = await testBackend({ memoryBytes: 2 ** 25 });
  await play(backend, seed);
  await play(backend, seed + 100);
  backend.dispose();
});

test('many short turns that nobody awaits, and more groups than are kept', async () => {
  const backend = await testBackend();
  const add = backend.prepare.region(ADD_SPEC);
  const buffers = Array.from({ length: 72 }, (_, i) => {
    const buffer = backend.allocate(4);
    backend.write(buffer, Float32Array.of(i));
    return buffer;
  });
  const result = backend.allocate(4 * 72 * 72);
  for (const [i, a] of buffers.entries()) {
    for (const [j, b] of buffers.entries()) {
      backend.launch(add, [a, b, result], addWords(1, 0, 0, i * 72 + j));
    }
    if (i % 3 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  }
  const got = new Float32Array((await backend.read(result)).buffer);
  expect(got).toEqual(
    Float32Array.from({ length: 72 * 72 }, (_, i) => Math.trunc(i / 72) + (i % 72)),
  );
  const { bindGroups } = backend.counters();
  expect(bindGroups).toBe(72 * 72);
  // The last ones are still there.
  for (const b of buffers) backend.launch(add, [buffers[71] as GpuBuffer, b, result], addWords(1));
  await backend.synchronize();
  expect(backend.counters()).toMatchObject({ bindGroups: 0 });
  backend.dispose();
});

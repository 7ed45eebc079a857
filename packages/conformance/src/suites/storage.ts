/** Memory in and out: buffers by the interface, tensors by core, two instances side by side. */
import { arange, DeviceError, type DType, ones, tensor, zeros } from '@tenon/core';
import { expect } from 'vitest';
import { assertSame, assertShape } from '../compare.ts';
import { download, fromBytes, upload } from '../raw.ts';
import type { Suite, SuiteContext } from '../suite.ts';
import { expectError, seeded } from '../support.ts';

const SAMPLES: Readonly<Record<DType, readonly number[]>> = {
  f32: [0, -0, 1.5, -2, Infinity, -Infinity, Number.NaN, 2 ** -149, 3.4028234663852886e38],
  f64: [0, -0, Math.PI, -1e300, Infinity, -Infinity, Number.NaN, 5e-324, 1.7976931348623157e308],
  i32: [0, 1, -1, 2 ** 31 - 1, -(2 ** 31), 16777217],
  u32: [0, 1, 2 ** 32 - 1, 2 ** 31, 16777217],
  bool: [1, 0, 0, 1, 1],
  f16: [0, -0, 1.5, -2, Infinity, -Infinity, Number.NaN, 2 ** -14, 65504, 1 + 2 ** -10],
};

function buffers({ backend, test }: SuiteContext): void {
  test('a buffer gives back what was written, whole and in part', async () => {
    const buffer = backend.allocate(32);
    expect(buffer.byteLength).toBe(32);
    backend.write(buffer, Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    // A view into a larger array: its own bytes only.
    backend.write(buffer, Float32Array.of(0, 9, 10, 0).subarray(1, 3), 8);
    assertSame('whole', await download(backend, 'f32', buffer), [1, 2, 9, 10, 5, 6, 7, 8]);
    assertSame('part', fromBytes('f32', await backend.read(buffer, 12, 8)), [10, 5]);
    assertSame('rest', fromBytes('f32', await backend.read(buffer, 24)), [7, 8]);
    backend.free(buffer);
  });
  test('a read is a copy, and so is a write', async () => {
    const source = Int32Array.of(1, 2, 3);
    const buffer = backend.allocate(12);
    backend.write(buffer, source);
    source[0] = 100;
    const first = await backend.read(buffer);
    backend.write(buffer, Int32Array.of(7, 8, 9));
    assertSame('first', fromBytes('i32', first), [1, 2, 3]);
    first.fill(0);
    assertSame('second', await download(backend, 'i32', buffer), [7, 8, 9]);
    backend.free(buffer);
  });
  test('copy moves a range, also within one buffer', async () => {
    const [a, b] = [upload(backend, 'i32', [1, 2, 3, 4]), upload(backend, 'i32', [9, 9, 9, 9])];
    backend.copy({ from: a, fromByte: 4, to: b, toByte: 8, byteLength: 8 });
    assertSame('other', await download(backend, 'i32', b), [9, 9, 2, 3]);
    backend.copy({ from: a, fromByte: 0, to: a, toByte: 8, byteLength: 8 });
    assertSame('within', await download(backend, 'i32', a), [1, 2, 1, 2]);
    for (const buffer of [a, b]) backend.free(buffer);
  });
  test(
    'readSync gives the same bytes',
    async () => {
      const buffer = upload(backend, 'f32', [1, 2, 3]);
      const bytes = backend.readSync?.(buffer, 4, 8) ?? new Uint8Array();
      assertSame('sync', fromBytes('f32', bytes), [2, 3]);
      expect(bytes).toEqual(await backend.read(buffer, 4, 8));
      backend.free(buffer);
    },
    { needs: ['syncRead'] },
  );
  test('a freed buffer may come back, with another length', async () => {
    const old = Array.from({ length: 20 }, (_, i) => upload(backend, 'f32', [i, i, i]));
    for (const buffer of old) backend.free(buffer);
    const fresh = old.map((_, i) => upload(backend, 'f32', i % 2 ? [-i] : [-i, -i, -i, -i]));
    for (const [i, buffer] of fresh.entries()) {
      assertSame(
        `buffer ${i}`,
        await download(backend, 'f32', buffer),
        i % 2 ? [-i] : Array(4).fill(-i),
      );
      backend.free(buffer);
    }
  });
  test('nothing to allocate is allowed', async () => {
    const buffer = backend.allocate(0);
    expect(buffer.byteLength).toBe(0);
    expect((await backend.read(buffer, 0, 0)).byteLength).toBe(0);
    backend.free(buffer);
  });
  test('flush and synchronize return', async () => {
    backend.flush();
    await backend.synchronize();
  });
}

function tensors({ backend, capabilities, test }: SuiteContext): void {
  for (const dtype of capabilities.dtypes) {
    const values = SAMPLES[dtype];
    test(`${dtype}: what goes in comes out, bit for bit`, async () => {
      const x = tensor([...values], { dtype });
      expect(x.dtype).toBe(dtype);
      assertSame('elements', await x.data(), values);
      const [first] = values as [number];
      expect(await tensor(first, { dtype }).item()).toBe(first);
    });
    test(`${dtype}: empty, 0-d and big tensors`, async () => {
      for (const shape of [[0], [3, 0], [0, 2, 1]]) {
        const empty = tensor([], { shape, dtype });
        assertShape('empty', empty.shape, shape);
        expect((await empty.data()).length).toBe(0);
        expect((await empty.add(empty).data()).length).toBe(0);
      }
      const scalar = tensor(1, { dtype });
      assertShape('0-d', scalar.shape, []);
      assertSame('0-d', await scalar.data(), [1]);
      const n = 1_000_003;
      const big = Uint8Array.from({ length: n }, (_, i) => (dtype === 'bool' ? i % 2 : i % 251));
      const read = await tensor(big, { dtype }).data();
      assertSame('big', read, big);
    });
  }
  test('tensor copies what it is given; data gives a fresh copy each time', async () => {
    const source = Float32Array.of(1, 2, 3, 4);
    const x = tensor(source.subarray(1));
    source.fill(0);
    const first = await x.data();
    first.fill(9);
    assertSame('elements', await x.data(), [2, 3, 4]);
  });
  test('views read the elements that they show', async () => {
    const x = tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    assertSame('transposed', await x.transpose().data(), [1, 4, 2, 5, 3, 6]);
    assertSame('slice', await x.slice([1, 2], [null, null, -2]).data(), [6, 4]);
    assertSame('expanded', await x.at(0).expand([2, 3]).data(), [1, 2, 3, 1, 2, 3]);
    assertSame('constant', await zeros([2]).data(), [0, 0]);
    assertSame('range', await arange(1, 7, 2).data(), [1, 3, 5]);
    expect(await x.toArray()).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(await tensor([true, false]).toArray()).toEqual([true, false]);
  });
  test(
    'dataSync, itemSync and toArraySync give what data gives',
    async () => {
      const x = tensor(seeded(100, 1), { shape: [10, 10] }).transpose();
      assertSame('dataSync', x.dataSync(), await x.data());
      expect(x.at(3, 4).itemSync()).toBe(await x.at(3, 4).item());
      expect(x.toArraySync()).toEqual(await x.toArray());
    },
    { needs: ['syncRead'] },
  );
  test('a read is ordered with what was launched before it', async () => {
    let x = tensor([1, 2]);
    const reads = [];
    for (let i = 0; i < 10; i++) {
      reads.push(x.data());
      x = x.mul(2);
    }
    const all = await Promise.all(reads);
    assertSame(
      'reads',
      all.map((values) => values[0] as number),
      all.map((_, i) => 2 ** i),
    );
  });
  test('printing shows elements, or says how to see them', () => {
    const text = String(
      tensor([
        [1, 2],
        [3, 4.5],
      ]),
    );
    if (capabilities.syncRead) expect(text).toBe('tensor([[1.0, 2.0],\n        [3.0, 4.5]])');
    else expect(text).toBe(`Tensor(f32 [2, 2] on ${backend.name}; print await x.toArray())`);
  });
}

function instances({ backend, create, test }: SuiteContext): void {
  test('to() copies to another instance and back', async () => {
    const other = await create();
    const values = seeded(60, 2);
    const x = tensor(values, { shape: [3, 4, 5] }).transpose(0, 2);
    const there = await x.to(other);
    expect(there.backend).toBe(other);
    assertShape('shape', there.shape, [5, 4, 3]);
    const back = await there.mul(1).to(backend);
    expect(back.backend).toBe(backend);
    assertSame('elements', await back.data(), await x.data());
    expect(await x.to(backend)).toBe(x);
    for (const dtype of ['i32', 'u32', 'bool'] as const) {
      assertSame(dtype, await (await tensor([0, 1, 1], { dtype }).to(other)).data(), [0, 1, 1]);
    }
    other.dispose();
  });
  test('two instances work side by side', async () => {
    const other = await create();
    const [a, b] = [tensor([1, 2, 3]), tensor([10, 20, 30], { backend: other })];
    let [x, y] = [a, b];
    for (let i = 0; i < 20; i++) {
      x = x.add(a);
      y = y.add(b).add(ones([3], { backend: other }));
    }
    assertSame('first', await x.data(), [21, 42, 63]);
    assertSame('second', await y.data(), [230, 440, 650]);
    other.dispose();
    assertSame('first lives on', await x.mul(2).data(), [42, 84, 126]);
  });
  test('operands of two instances are a DeviceError', async () => {
    const other = await create();
    const [x, y] = [tensor([1, 2]), tensor([1, 2], { backend: other })];
    const { name } = backend;
    const text = (op: string): string =>
      `${op}: operands are on different backends: ${name} and ${name} ` +
      '(move one with await x.to(backend))';
    await expectError(() => x.add(y), DeviceError, text('add'));
    await expectError(() => x.outer(y), DeviceError, text('mul'));
    other.dispose();
  });
}

export const storageSuite: Suite = {
  name: 'storage',
  define(context) {
    buffers(context);
    tensors(context);
    instances(context);
  },
};

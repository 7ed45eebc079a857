import { BackendError, DTypeError } from '@tenon/core';
import { expect, test } from 'vitest';
import { capacityOf, Pool, sizeClassOf, viewName } from './storage.ts';

test('size classes hold what they are asked for and waste at most a quarter', () => {
  for (let bytes = 1; bytes < 5000; bytes++) {
    const capacity = capacityOf(sizeClassOf(bytes));
    expect(capacity).toBeGreaterThanOrEqual(bytes);
    expect(capacity % 8).toBe(0);
    if (bytes > 64) expect(capacity).toBeLessThanOrEqual(bytes * 1.25 + 16);
  }
  for (const bytes of [2 ** 20, 2 ** 20 + 1, 2 ** 30 - 1, 2 ** 31 - 8]) {
    expect(capacityOf(sizeClassOf(bytes))).toBeGreaterThanOrEqual(bytes);
  }
});

test('a freed buffer of the same class comes back with its new length and its old views', () => {
  const pool = new Pool();
  const first = pool.allocate(1000);
  const view = first.f32;
  pool.free(first);
  expect(pool.bytes).toBe(1024);
  const second = pool.allocate(980);
  expect(second).toBe(first);
  expect(second.byteLength).toBe(980);
  expect(second.f32).toBe(view);
  expect(pool.bytes).toBe(0);
  expect(pool.allocate(1000)).not.toBe(first);
});

test('all views are of the same bytes', () => {
  const buffer = new Pool().allocate(16);
  buffer.f32[0] = 1;
  expect(buffer.i32[0]).toBe(0x3f800000);
  expect(buffer.u32[0]).toBe(0x3f800000);
  expect(buffer.bytes[3]).toBe(0x3f);
  buffer.f64[0] = 2;
  expect(buffer.i32[1]).toBe(0x40000000);
});

test('the pool keeps no more than its limit', () => {
  const pool = new Pool(4096);
  const buffers = [pool.allocate(2048), pool.allocate(2048), pool.allocate(2048)];
  for (const buffer of buffers) pool.free(buffer);
  expect(pool.bytes).toBe(4096);
  pool.clear();
  expect(pool.bytes).toBe(0);
  expect(buffers).not.toContain(pool.allocate(2048));
});

test('over the limit, sizes that are no longer used go first', () => {
  const pool = new Pool(4096);
  const old = pool.allocate(2048);
  const kept = pool.allocate(1024);
  pool.free(old);
  pool.free(kept);
  const large = pool.allocate(3072);
  pool.free(large);
  expect(pool.bytes).toBe(4096);
  expect(pool.allocate(1024)).toBe(kept);
  expect(pool.allocate(3072)).toBe(large);
  expect(pool.allocate(2048)).not.toBe(old);
  const huge = pool.allocate(8192);
  pool.free(kept);
  pool.free(huge);
  expect(pool.bytes).toBe(1024);
});

test('freeing twice is an error: two owners would write to one buffer', () => {
  const pool = new Pool();
  const buffer = pool.allocate(12);
  pool.free(buffer);
  expect(() => pool.free(buffer)).toThrow(
    new BackendError('free: expected a live buffer, got one of 12 bytes that is already free'),
  );
});

test('f16 is refused by name', () => {
  expect(viewName('bool')).toBe('i32');
  expect(() => viewName('f16')).toThrow(DTypeError);
});

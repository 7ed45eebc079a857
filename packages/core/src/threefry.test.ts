import { expect, test } from 'vitest';
import { callKey, threefry2x32 } from './threefry.ts';

/** Known answers of Random123's kat_vectors for threefry2x32 with 13 rounds. */
test.each([
  [
    [0, 0],
    [0, 0],
    [0x9d1c5ec6, 0x8bd50731],
  ],
  [
    [0xffffffff, 0xffffffff],
    [0xffffffff, 0xffffffff],
    [0xfd36d048, 0x2d17272c],
  ],
  [
    [0x13198a2e, 0x03707344],
    [0x243f6a88, 0x85a308d3],
    [0xba3e4725, 0xf27d669e],
  ],
] as const)('threefry2x32 key %j counter %j', (key, counter, expected) => {
  expect(threefry2x32(key[0], key[1], counter[0], counter[1])).toEqual(expected);
});

test('seeds above 2^32 differ in their high word', () => {
  expect(callKey(7, 3)).toEqual([7, 3]);
  expect(callKey(7 + 2 ** 32, 3)).not.toEqual(callKey(7, 3));
});

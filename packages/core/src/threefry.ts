/**
 * Threefry-2x32 with 13 rounds on the host: the same bits as the scalar row `randomBits` of every
 * backend. Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).
 */

const ROTATIONS: readonly number[] = [13, 15, 26, 6, 17, 29, 16, 24];
const PARITY = 0x1bd11bda;
const ROUNDS = 13;

/** Both words of the block at (counter0, counter1) under (key0, key1), as unsigned integers. */
export function threefry2x32(
  key0: number,
  key1: number,
  counter0: number,
  counter1: number,
): [number, number] {
  const keys = [key0 | 0, key1 | 0, PARITY ^ key0 ^ key1];
  let x0 = (counter0 + key0) | 0;
  let x1 = (counter1 + key1) | 0;
  for (let round = 0; round < ROUNDS; round++) {
    const by = ROTATIONS[round % 8] as number;
    x0 = (x0 + x1) | 0;
    x1 = ((x1 << by) | (x1 >>> (32 - by))) ^ x0;
    if (round % 4 === 3) {
      const injection = (round + 1) / 4;
      x0 = (x0 + (keys[injection % 3] as number)) | 0;
      x1 = (x1 + (keys[(injection + 1) % 3] as number) + injection) | 0;
    }
  }
  return [x0 >>> 0, x1 >>> 0];
}

/** A seed as two key words: whole numbers up to 2^53, smaller ones keep their value. */
function seedWords(seed: number): [number, number] {
  return [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
}

/** What a generator of this seed uses as key for its call number `call`. */
export function callKey(seed: number, call: number): [number, number] {
  const [low, high] = seedWords(seed);
  return [(low ^ Math.imul(high, 0x9e3779b9)) >>> 0, call >>> 0];
}

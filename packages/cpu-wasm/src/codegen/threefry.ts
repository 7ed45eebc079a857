/**
 * The first word of Threefry-2x32 with 13 rounds of (counter, 0) under (key0, key1): Salmon et al.,
 * "Parallel random numbers: as easy as 1, 2, 3", 2011. Additions, rotations and xors only, so the
 * bits are those of every other backend.
 */
import type { I32, Lanes } from './lanes.ts';

const KEY_PARITY = 0x1bd11bda;
const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24] as const;
const ROUNDS = 13;

export function emitThreefry(lanes: Lanes, key0: I32, key1: I32, counter: I32): I32 {
  const key2 = lanes.xor(lanes.xor(key0, key1), lanes.i32(KEY_PARITY));
  const keys = [key0, key1, key2];
  let a = lanes.add(counter, key0);
  let b = key1;
  for (let round = 0; round < ROUNDS; round++) {
    a = lanes.add(a, b);
    b = lanes.xor(lanes.rotl(b, ROTATIONS[round % 8]!), a);
    if (round % 4 !== 3) continue;
    const n = (round + 1) / 4;
    a = lanes.add(a, keys[n % 3]!);
    b = lanes.add(lanes.add(b, keys[(n + 1) % 3]!), lanes.i32(n));
  }
  return a;
}

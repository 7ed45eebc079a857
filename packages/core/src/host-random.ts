/**
 * Random numbers on the host, with the bits that a backend would draw from the same seed. For data
 * order and initial weights: equal on every backend, and no tensor is made.
 */
import { onSetSeed } from './ops/random.ts';
import { callKey, threefry2x32 } from './threefry.ts';

/** A stream of draws; each call takes a new key, as a Generator of the same seed does. */
export interface HostRandom {
  /** A number in [0, 1). */
  next(): number;
  /** n numbers in [0, 1): the bits of rand([n]). */
  uniform(n: number): Float32Array<ArrayBuffer>;
  /** n standard normal numbers: those of randn([n]) to within rounding. */
  normal(n: number): Float32Array<ArrayBuffer>;
  /** 0 … n - 1 in random order: that of permutation(n). */
  permutation(n: number): Int32Array<ArrayBuffer>;
}

const UNIT = 2 ** -24;

/** A host stream of its own. @param seed a whole number in [0, 2^53] */
export function hostRandom(seed: number): HostRandom {
  let call = 0;
  const bits = (n: number, from = 0, key = callKey(seed, call++)): Uint32Array => {
    const out = new Uint32Array(n);
    for (let i = 0; i < n; i++) out[i] = threefry2x32(key[0], key[1], from + i, 0)[0];
    return out;
  };
  const unit = (word: number): number => (word >>> 8) * UNIT;
  return {
    next: () => unit(bits(1)[0] as number),
    uniform: (n) => Float32Array.from(bits(n), unit),
    normal: (n) => {
      const key = callKey(seed, call++);
      const first = bits(n, 0, key);
      const second = bits(n, n, key);
      return Float32Array.from(first, (word, i) => {
        const radius = Math.sqrt(-2 * Math.log(1 - unit(word)));
        return radius * Math.cos(2 * Math.PI * unit(second[i] as number));
      });
    },
    permutation: (n) => {
      const keys = bits(n);
      const order = Int32Array.from({ length: n }, (_, i) => i);
      // Ties keep their order, as the backends' stable sort does.
      return order.sort((a, b) => (keys[a] as number) - (keys[b] as number) || a - b);
    },
  };
}

let shared: HostRandom = hostRandom(0);
onSetSeed((seed) => {
  shared = hostRandom(seed);
});
/** The stream that setSeed seeds: initializers draw from it. */
export function defaultHostRandom(): HostRandom {
  return shared;
}

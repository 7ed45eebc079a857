/**
 * Scalar functions that JavaScript lacks or has only as slow calls. The float32 versions evaluate
 * in double and leave the one rounding to the caller; `scalars.ts` holds the same statements as
 * text for generated code, and the tests hold both together bit for bit.
 * exp, expm1, tanh: 2^(k/16) from a table times e^r, |r| <= ln2/32, by least-maximum fits
 * (after Tang, "Table-driven implementation of the exponential function", 1989).
 * log, log1p: 2^k · m, m in [√½, √2), 2·atanh((m-1)/(m+1)), fit of degree 3 in the square.
 * erf: Taylor's series of degree 4 about the nearest of 128 points (core's erf makes the table).
 * randomBits: Threefry-2x32 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
 */

import { hostMath } from '@tenon/core';

/** 2^(i/16 - EXP2_BIAS/16): scaling by table needs no bit patterns. */
export const EXP2_BIAS = 2560;
export const EXP2: Float64Array<ArrayBuffer> = Float64Array.from(
  { length: 2 * EXP2_BIAS + 1 },
  (_, i) => 2 ** ((i - EXP2_BIAS) / 16),
);

/** 2^(i - POW2_BIAS). */
export const POW2_BIAS = 160;
export const POW2: Float64Array<ArrayBuffer> = Float64Array.from(
  { length: 2 * POW2_BIAS + 1 },
  (_, i) => 2 ** (i - POW2_BIAS),
);

/** Table steps per unit of x, and x per table step. */
export const STEPS: number = 16 * Math.LOG2E;
export const STEP: number = Math.LN2 / 16;

/** Coefficients of (e^r - 1)/r on |r| <= ln2/32, lowest first; e^r is within 1.6e-9. */
export const EXP_FIT = [0.9999999992340107, 0.5000162605604446, 0.16667221835921162] as const;

/** The same for expm1 and tanh, where the relative error of e^r - 1 counts: 2.4e-10. */
export const EXPM1_FIT = [
  0.9999999997688542, 0.5000000001926661, 0.16667059225136704, 0.04166666655938988,
] as const;

/** Coefficients of 2·atanh(s)/s in s², lowest first; relative error 7e-10 on s² <= 0.02945. */
export const ATANH_FIT = [
  1.999999998619018, 0.6666681614090789, 0.39974773259795265, 0.29926242191395064,
] as const;

const bits64: Float64Array<ArrayBuffer> = new Float64Array(1);
const words64: Int32Array<ArrayBuffer> = new Int32Array(bits64.buffer);

/** e^x for a float32 x, before rounding; error below 0.6 ULP of float32. */
export function exp32(x: number): number {
  const t = Math.max(Math.min(x, 90), -110);
  const k = (t * STEPS + (EXP2_BIAS + 0.5)) | 0;
  const r = t - (k - EXP2_BIAS) * STEP;
  const [c0, c1, c2] = EXP_FIT;
  return (1 + r * (c0 + r * (c1 + r * c2))) * (EXP2[k] ?? 0);
}

/** r·fit(r), the inexact e^r - 1 of the reduced argument. */
function expm1Reduced(r: number): number {
  const [c0, c1, c2, c3] = EXPM1_FIT;
  return r * (c0 + r * (c1 + r * (c2 + r * c3)));
}

/** e^x - 1 for a float32 x, before rounding; error below 0.6 ULP. */
export function expm132(x: number): number {
  const t = Math.max(Math.min(x, 90), -110);
  const k = (t * STEPS + (EXP2_BIAS + 0.5)) | 0;
  const r = t - (k - EXP2_BIAS) * STEP;
  const p = EXP2[k] ?? 0;
  return x === 0 ? x : expm1Reduced(r) * p + (p - 1);
}

/** tanh x = (e^2x - 1) / (e^2x + 1) for a float32 x, before rounding; error below 0.6 ULP. */
export function tanh32(x: number): number {
  const t = x > 20 ? 40 : x < -20 ? -40 : x + x;
  const k = (t * STEPS + (EXP2_BIAS + 0.5)) | 0;
  const r = t - (k - EXP2_BIAS) * STEP;
  const p = EXP2[k] ?? 0;
  const m = expm1Reduced(r) * p + (p - 1);
  return x === 0 ? x : m / (m + 2);
}

/** ln of a positive finite double that is a float32 (or one more than it), before rounding. */
function logPositive(x: number): number {
  bits64[0] = x;
  // 0x3fe6a09e: high word of √½; k counts octaves from there.
  const k = ((words64[1] ?? 0) - 0x3fe6a09e) >> 20;
  const m = x * (POW2[POW2_BIAS - k] ?? 0);
  const s = (m - 1) / (m + 1);
  const z = s * s;
  const [c0, c1, c2, c3] = ATANH_FIT;
  return k * Math.LN2 + s * (c0 + z * (c1 + z * (c2 + z * c3)));
}

/** ln x for a float32 x, before rounding; error below 0.6 ULP. */
export function log32(x: number): number {
  if (x > 0 && x < Infinity) return logPositive(x);
  return x === 0 ? -Infinity : x > 0 ? x : NaN;
}

/** ln(1 + x) for a float32 x, before rounding; error below 0.6 ULP. */
export function log1p32(x: number): number {
  if (x > -0.29 && x < 0.41) {
    const s = x / (2 + x);
    const z = s * s;
    const [c0, c1, c2, c3] = ATANH_FIT;
    return x === 0 ? x : s * (c0 + z * (c1 + z * (c2 + z * c3)));
  }
  return log32(1 + x);
}

/** erf(k/32) and its slope 2/√π e^(-(k/32)²); erf is 1 in float32 from 4 on. */
export const ERF: Float64Array<ArrayBuffer> = Float64Array.from({ length: 129 }, (_, k) =>
  hostMath.erf(k / 32),
);
export const ERF_SLOPE: Float64Array<ArrayBuffer> = Float64Array.from(
  { length: 129 },
  (_, k) => (2 / Math.sqrt(Math.PI)) * Math.exp(-(k / 32) * (k / 32)),
);

const THIRD = 1 / 3;

/** erf x for a float32 x, before rounding; error below 0.6 ULP. */
export function erf32(x: number): number {
  const a = Math.min(Math.abs(x), 4);
  const k = (a * 32 + 0.5) | 0;
  const c = k * 0.03125;
  const d = a - c;
  const q = c * c;
  const series = d * (1 - d * (c + d * (1 - 2 * q - d * c * (1.5 - q)) * THIRD));
  const v = (ERF[k] ?? 0) + (ERF_SLOPE[k] ?? 0) * series;
  return x === 0 ? x : x < 0 ? -v : v;
}

const KEY_PARITY = 0x1bd11bda;
const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24] as const;

/** Both words of Threefry-2x32-13 of the counter (c0, c1) under the key (k0, k1). */
export function threefry(k0: number, k1: number, c0: number, c1: number): [number, number] {
  const keys = [k0 | 0, k1 | 0, k0 ^ k1 ^ KEY_PARITY];
  let a = (c0 + k0) | 0;
  let b = (c1 + k1) | 0;
  for (let round = 0; round < 13; round++) {
    const turn = ROTATIONS[round & 7] ?? 0;
    a = (a + b) | 0;
    b = ((b << turn) | (b >>> (32 - turn))) ^ a;
    if ((round & 3) === 3) {
      const n = (round + 1) >> 2;
      a = (a + (keys[n % 3] ?? 0)) | 0;
      b = (b + (keys[(n + 1) % 3] ?? 0) + n) | 0;
    }
  }
  return [a >>> 0, b >>> 0];
}

/** Statements that set `out` to the first word of Threefry-2x32-13 of (counter, 0). */
export function threefrySource(out: string, k0: string, k1: string, counter: string): string {
  const lines = [
    `const k0 = ${k0} | 0, k1 = ${k1} | 0, k2 = k0 ^ k1 ^ ${KEY_PARITY};`,
    `let a = ${counter} + k0 | 0, b = k1;`,
  ];
  for (let round = 0; round < 13; round++) {
    const turn = ROTATIONS[round & 7] ?? 0;
    lines.push(`a = a + b | 0; b = (b << ${turn} | b >>> ${32 - turn}) ^ a;`);
    if ((round & 3) === 3) {
      const n = (round + 1) >> 2;
      lines.push(`a = a + k${n % 3} | 0; b = b + k${(n + 1) % 3} + ${n} | 0;`);
    }
  }
  return `let ${out}; { ${lines.join(' ')} ${out} = a >>> 0; }`;
}

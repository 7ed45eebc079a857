/**
 * Elementary functions of a double, correctly rounded: the reference where float64 arithmetic is
 * itself the limit. Fixed-point integers (BigInt) with some hundred bits behind the point, plain
 * Taylor and atanh series. Slow, for thousands of values, not millions.
 */

/** x = value·2^-bits. */
interface Fixed {
  readonly value: bigint;
  readonly bits: number;
}

const words = new DataView(new ArrayBuffer(8));

/** A finite double as whole mantissa and exponent: x = mantissa·2^exponent. */
function parts(x: number): { mantissa: bigint; exponent: number } {
  words.setFloat64(0, x);
  const bits = words.getBigUint64(0);
  const field = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  const mantissa = field === 0 ? fraction : fraction | (1n << 52n);
  return { mantissa: x < 0 ? -mantissa : mantissa, exponent: Math.max(field, 1) - 1075 };
}

function shift(value: bigint, by: number): bigint {
  return by >= 0 ? value << BigInt(by) : value >> BigInt(-by);
}

function toFixed(x: number, bits: number): bigint {
  const { mantissa, exponent } = parts(x);
  return shift(mantissa, exponent + bits);
}

/** The nearest double. Results must be normal numbers: subnormal ones would be rounded twice. */
function toNumber({ value, bits }: Fixed): number {
  const magnitude = value < 0n ? -value : value;
  const excess = magnitude.toString(2).length - 64;
  let short = magnitude;
  if (excess > 0) {
    const rest = magnitude & ((1n << BigInt(excess)) - 1n);
    short = (magnitude >> BigInt(excess)) | (rest === 0n ? 0n : 1n);
  }
  const scale = Math.max(excess, 0) - bits;
  const half = Math.trunc(scale / 2);
  const result = Number(short) * 2 ** half * 2 ** (scale - half);
  return value < 0n ? -result : result;
}

/** Bits behind the point for an argument: enough for one that is tiny; few different numbers. */
function precisionFor(x: number): number {
  const leading = x === 0 ? 0 : Math.floor(Math.log2(Math.abs(x)));
  return 256 * Math.ceil((320 + 2 * Math.max(-leading, 0)) / 256);
}

/** atanh(numerator/denominator) for a ratio up to about 1/3. */
function atanh(numerator: bigint, denominator: bigint, bits: number): bigint {
  const ratio = (numerator << BigInt(bits)) / denominator;
  const square = (ratio * ratio) >> BigInt(bits);
  let power = ratio;
  let sum = 0n;
  for (let k = 1n; power !== 0n && power !== -1n; k += 2n) {
    sum += power / k;
    power = (power * square) >> BigInt(bits);
  }
  return sum;
}

/** atan(1/n). */
function atanInverse(n: bigint, bits: number): bigint {
  let power = (1n << BigInt(bits)) / n;
  let sum = 0n;
  for (let k = 0n; power !== 0n; k++) {
    const term = power / (2n * k + 1n);
    sum += k % 2n === 0n ? term : -term;
    power /= n * n;
  }
  return sum;
}

function remembered(compute: (bits: number) => bigint): (bits: number) => bigint {
  const known = new Map<number, bigint>();
  return (bits) => {
    const value = known.get(bits) ?? compute(bits + 64) >> 64n;
    known.set(bits, value);
    return value;
  };
}

const ln2 = remembered((bits) => 2n * atanh(1n, 3n, bits));
/** Machin's formula. */
const pi = remembered((bits) => 4n * (4n * atanInverse(5n, bits) - atanInverse(239n, bits)));

/** e^r of a fixed-point r. */
function expFixed(x: bigint, bits: number): Fixed {
  const unit = BigInt(bits);
  const octaves = x / ln2(bits);
  const r = x - octaves * ln2(bits);
  let term = 1n << unit;
  let sum = term;
  for (let k = 1n; term !== 0n && term !== -1n; k++) {
    term = ((term * r) >> unit) / k;
    sum += term;
  }
  return { value: sum, bits: bits - Number(octaves) };
}

/** With so many bits behind the point. */
function align({ value, bits }: Fixed, wanted: number): bigint {
  return shift(value, wanted - bits);
}

/** ln of a positive fixed-point number. */
function logFixed(x: bigint, bits: number): bigint {
  const octaves = x.toString(2).length - bits;
  // between 1/2 and 1, or between 1 and 2 to stay near 1 on both sides
  const near = octaves === 1 ? 0 : octaves;
  const one = 1n << BigInt(bits);
  const scaled = shift(x, -near);
  const ratio = 2n * atanh(scaled - one, scaled + one, bits);
  return ratio + BigInt(near) * ln2(bits);
}

function expm1Fixed(x: number, bits: number): bigint {
  return align(expFixed(toFixed(x, bits), bits), bits) - (1n << BigInt(bits));
}

/** sin(x + quarter·π/2) by the series of sine and cosine of the reduced argument. */
function sinTurned(x: number, quarter: bigint): number {
  const { exponent } = parts(x);
  const bits = precisionFor(x) + 256 * Math.ceil(Math.max(exponent + 53, 0) / 256);
  const unit = BigInt(bits);
  const halfPi = pi(bits) >> 1n;
  const value = toFixed(x, bits);
  let turns = value / halfPi;
  let r = value - turns * halfPi;
  if (2n * (r < 0n ? -r : r) > halfPi) {
    const step = r < 0n ? -1n : 1n;
    turns += step;
    r -= step * halfPi;
  }
  const quadrant = (((turns + quarter) % 4n) + 4n) % 4n;
  const isCosine = quadrant % 2n === 1n;
  let term = isCosine ? 1n << unit : r;
  let sum = term;
  const square = (r * r) >> unit;
  for (let k = isCosine ? 1n : 2n; term !== 0n && term !== -1n; k += 2n) {
    term = -((term * square) >> unit) / (k * (k + 1n));
    sum += term;
  }
  return toNumber({ value: quadrant > 1n ? -sum : sum, bits });
}

function squareRoot(value: bigint): bigint {
  let root = 1n << BigInt((value.toString(2).length + 1) >> 1);
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

/** 2/√π Σ (-1)^n x^(2n+1)/(n! (2n+1)): its terms reach e^(x²) before they fall. */
function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  const bits = precisionFor(x);
  const unit = BigInt(bits);
  const value = toFixed(x, bits);
  const square = (value * value) >> unit;
  let power = value;
  let sum = 0n;
  for (let n = 0n; power !== 0n && power !== -1n; n++) {
    sum += power / (2n * n + 1n);
    power = -((power * square) >> unit) / (n + 1n);
  }
  const root = squareRoot(pi(bits) << unit);
  return toNumber({ value: ((2n * sum) << unit) / root, bits });
}

function tanh(x: number): number {
  if (Math.abs(x) > 30) return Math.sign(x);
  const bits = precisionFor(x);
  const m = expm1Fixed(2 * x, bits);
  return toNumber({ value: (m << BigInt(bits)) / (m + (2n << BigInt(bits))), bits });
}

function exp(x: number): number {
  const bits = precisionFor(x);
  return toNumber(expFixed(toFixed(x, bits), bits));
}

function log(x: number): number {
  const bits = 256 * Math.ceil((320 + Math.max(0, -Math.log2(x))) / 256);
  return toNumber({ value: logFixed(toFixed(x, bits), bits), bits });
}

function log1p(x: number): number {
  const bits = precisionFor(x);
  return toNumber({ value: logFixed(toFixed(x, bits) + (1n << BigInt(bits)), bits), bits });
}

function pow(x: number, y: number): number {
  const bits = 256 * Math.ceil((512 + Math.abs(Math.log2(x))) / 256);
  const exponent = (logFixed(toFixed(x, bits), bits) * toFixed(y, bits)) >> BigInt(bits);
  return toNumber(expFixed(exponent, bits));
}

/**
 * The nearest double of each function for finite arguments inside its domain whose result is a
 * normal number (log: x > 0; log1p: x > -1; pow: x > 0).
 */
export const EXACT: {
  readonly [name in 'exp' | 'expm1' | 'log' | 'log1p' | 'sin' | 'cos' | 'tanh' | 'erf' | 'pow']: (
    x: number,
    y: number,
  ) => number;
} = {
  exp,
  expm1: (x) => {
    if (x < -60) return -1;
    const bits = precisionFor(x);
    return toNumber({ value: expm1Fixed(x, bits), bits });
  },
  log,
  log1p,
  sin: (x) => sinTurned(x, 0n),
  cos: (x) => sinTurned(x, 1n),
  tanh,
  erf,
  pow,
};

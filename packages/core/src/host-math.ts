/**
 * Scalar functions on doubles that JavaScript lacks or defines otherwise than C: backends call them
 * for float64 and to make tables. erf: the piecewise rational approximations of fdlibm's s_erf.c
 * (Sun Microsystems, 1993), error below 1 ULP.
 */

const ERX = 0.8450629115104675;
const EFX = 0.1283791670955126;
const PP = [
  0.12837916709551256, -0.3250421072470015, -0.02848174957559851, -0.005770270296489442,
  -2.3763016656650163e-5,
];
const QQ = [
  1, 0.39791722395915535, 0.0650222499887673, 0.005081306281875766, 0.00013249473800432164,
  -3.960228278775368e-6,
];
const PA = [
  -0.0023621185607526594, 0.41485611868374833, -0.3722078760357013, 0.31834661990116175,
  -0.11089469428239668, 0.035478304325618236, -0.002166375594868791,
];
const QA = [
  1, 0.10642088040084423, 0.540397917702171, 0.07182865441419627, 0.12617121980876164,
  0.01363708391202905, 0.011984499846799107,
];
const RA = [
  -0.009864944034847148, -0.6938585727071818, -10.558626225323291, -62.375332450326006,
  -162.39666946257347, -184.60509290671104, -81.2874355063066, -9.814329344169145,
];
const SA = [
  1, 19.651271667439257, 137.65775414351904, 434.56587747522923, 645.3872717332679,
  429.00814002756783, 108.63500554177944, 6.570249770319282, -0.0604244152148581,
];
const RB = [
  -0.0098649429247001, -0.799283237680523, -17.757954917754752, -160.63638485582192,
  -637.5664433683896, -1025.0951316110772, -483.5191916086514,
];
const SB = [
  1, 30.33806074348246, 325.7925129965739, 1536.729586084437, 3199.8582195085955,
  2553.0504064331644, 474.52854120695537, -22.44095244658582,
];

/** Horner's rule, coefficients lowest first. */
function polynomial(coefficients: readonly number[], x: number): number {
  let sum = 0;
  for (let i = coefficients.length - 1; i >= 0; i--) sum = sum * x + (coefficients[i] ?? 0);
  return sum;
}

/** 1 - erf(a) for a in [1.25, 6). */
function tail(a: number): number {
  const s = 1 / (a * a);
  const ratio =
    a < 1 / 0.35 ? polynomial(RA, s) / polynomial(SA, s) : polynomial(RB, s) / polynomial(SB, s);
  // The square of a short z is exact, so e^(-a²) loses nothing to the rounding of a².
  const z = Math.fround(a);
  return (Math.exp(-z * z - 0.5625) * Math.exp((z - a) * (z + a) + ratio)) / a;
}

/** erf(x) = 2/√π ∫₀ˣ e^(-t²) dt; odd, ±1 at ±∞, NaN at NaN. */
function erf(x: number): number {
  const a = Math.abs(x);
  if (a < 0.84375) {
    if (a < 2 ** -28) return x + EFX * x;
    const z = x * x;
    return x + x * (polynomial(PP, z) / polynomial(QQ, z));
  }
  if (a < 1.25) {
    const s = a - 1;
    const value = ERX + polynomial(PA, s) / polynomial(QA, s);
    return x < 0 ? -value : value;
  }
  if (a < 6) return x < 0 ? tail(a) - 1 : 1 - tail(a);
  return x > 0 ? 1 : x < 0 ? -1 : x;
}

/** x^y as C and IEEE 754 define it: 1^NaN and (-1)^±∞ are 1, where JavaScript says NaN. */
function pow(x: number, y: number): number {
  if (x === 1 || y === 0) return 1;
  if (x === -1 && (y === Infinity || y === -Infinity)) return 1;
  return y === 2 ? x * x : x ** y;
}

/** x^y in wrapping integers by squaring; a negative exponent gives the truncated reciprocal. */
function powInteger(x: number, y: number): number {
  if (y < 0) return x === 1 ? 1 : x === -1 ? ((y & 1) === 0 ? 1 : -1) : 0;
  let result = 1;
  let base = x;
  for (let e = y; e !== 0; e >>>= 1) {
    if ((e & 1) !== 0) result = Math.imul(result, base);
    base = Math.imul(base, base);
  }
  return result;
}

/** Float to i32: truncates, saturates, NaN is 0. */
function toInt32(x: number): number {
  return x >= 2147483647 ? 2147483647 : x <= -2147483648 ? -2147483648 : x | 0;
}

/** Float to u32: truncates, saturates, NaN is 0. */
function toUint32(x: number): number {
  return x >= 4294967295 ? 4294967295 : x > 0 ? x >>> 0 : 0;
}

/** Scalar functions with C's semantics, for backends. See each function. */
export const hostMath: {
  erf(x: number): number;
  pow(x: number, y: number): number;
  powInteger(x: number, y: number): number;
  toInt32(x: number): number;
  toUint32(x: number): number;
} = { erf, pow, powInteger, toInt32, toUint32 };

/**
 * The scalar table: one row per ScalarName, each with the JavaScript text that generated code uses
 * and the function that the interpreter calls. A missing row does not compile. Values travel as
 * doubles; `round` brings every result back to its dtype, so a fused step equals a single one.
 */
import type { DType, ScalarName } from '@tenon/core';
import { hostMath } from '@tenon/core';
import {
  ATANH_FIT,
  EXP_FIT,
  EXP2_BIAS,
  EXPM1_FIT,
  erf32,
  exp32,
  expm132,
  log1p32,
  log32,
  POW2_BIAS,
  STEP,
  STEPS,
  tanh32,
  threefry,
  threefrySource,
} from './math.ts';

const { erf, pow, powInteger, toInt32, toUint32 } = hostMath;

export type Evaluate = (a: number, b: number, c: number) => number;
type Text = (a: string, b: string, c: string) => string;

/** One form of a row: the text and the function say the same. */
interface Form {
  readonly text: Text;
  readonly evaluate: Evaluate;
  /** Statements that set `out`, unrounded, for functions too long for an expression. */
  readonly statements?: (out: string, a: string, b: string, c: string) => string;
}

export interface ScalarRow {
  /** Costs more than a store and a load: kept in scratch instead of computed in two phases. */
  readonly isCostly: boolean;
  /** Largest error in ULP against the rounded float64 result; 0: correctly rounded. */
  readonly ulp: number;
  readonly form: (dtype: DType, from: DType) => Form;
}

/** Names that the text of rows may use; `codegen.ts` binds them. */
export const HELPERS: Readonly<Record<string, unknown>> = {
  erf,
  pow,
  powInteger,
  toInt32,
  toUint32,
  /** Two values to pick one from. */
  PICK: new Float64Array(2),
};

function row(text: Text, evaluate: Evaluate): ScalarRow {
  const form = { text, evaluate };
  return { isCostly: false, ulp: 0, form: () => form };
}

/** A row whose integers (and bools) are computed otherwise than its floats. */
function split(float: Form, integer: Form, isCostly = false, ulp = 0): ScalarRow {
  return { isCostly, ulp, form: (dtype) => (isFloating(dtype) ? float : integer) };
}

/** A transcendental: `fast` for f32, JavaScript's own function for f64. */
function costly(ulp: number, wide: Form, fast: Form = wide): ScalarRow {
  return { isCostly: true, ulp, form: (dtype) => (dtype === 'f32' ? fast : wide) };
}

function math(name: 'exp' | 'expm1' | 'log' | 'log1p' | 'sin' | 'cos' | 'tanh'): Form {
  return { text: (a) => `Math.${name}(${a})`, evaluate: Math[name] };
}

function isFloating(dtype: DType): boolean {
  return dtype === 'f32' || dtype === 'f64';
}

/** Σ c_i x^i by Horner's rule, as text. */
function horner(coefficients: readonly number[], x: string): string {
  const [first, ...rest] = coefficients;
  return rest.length === 0 ? `${first}` : `(${first} + ${x} * ${horner(rest, x)})`;
}

/** Shared start of exp, expm1 and tanh: k, r and p = 2^(k/16) of the clamped argument t. */
function reduceText(clamped: string): string {
  return `const t = ${clamped}, k = t * ${STEPS} + ${EXP2_BIAS + 0.5} | 0, \
r = t - (k - ${EXP2_BIAS}) * ${STEP}, p = EXP2[k];`;
}

const clampText = (a: string): string => `${a} > 90 ? 90 : ${a} < -110 ? -110 : ${a}`;
const expText = `(1 + r * ${horner(EXP_FIT, 'r')}) * p`;
const expm1Text = `r * ${horner(EXPM1_FIT, 'r')}`;

/** Statements for ln of the expression `x`; `y` names its value inside the block. */
function logText(out: string, x: string): string {
  return `const y = ${x}; if (y > 0 && y < Infinity) { bits64[0] = y; \
const k = words64[1] - 0x3fe6a09e >> 20, m = y * POW2[${POW2_BIAS} - k], s = (m - 1) / (m + 1), \
z = s * s; ${out} = k * ${Math.LN2} + s * ${horner(ATANH_FIT, 'z')}; \
} else ${out} = y === 0 ? -Infinity : y > 0 ? y : NaN;`;
}

function fast(evaluate: Evaluate, body: (out: string, a: string) => string): Form {
  return {
    text: (a) => a,
    evaluate,
    statements: (out, a) => `let ${out} = 0; { ${body(out, a)} }`,
  };
}

const exp = fast(exp32, (out, a) => `${reduceText(clampText(a))} ${out} = ${expText};`);
const expm1 = fast(
  expm132,
  (out, a) =>
    `${reduceText(clampText(a))} ${out} = ${a} === 0 ? ${a} : ${expm1Text} * p + (p - 1);`,
);
const tanh = fast(
  tanh32,
  (out, a) =>
    `${reduceText(`${a} > 20 ? 40 : ${a} < -20 ? -40 : ${a} + ${a}`)} \
const m = ${expm1Text} * p + (p - 1); ${out} = ${a} === 0 ? ${a} : m / (m + 2);`,
);
const log = fast(log32, (out, a) => logText(out, a));
const log1p = fast(
  log1p32,
  (out, a) =>
    `if (${a} > -0.29 && ${a} < 0.41) { const s = ${a} / (2 + ${a}), z = s * s; \
${out} = ${a} === 0 ? ${a} : s * ${horner(ATANH_FIT, 'z')}; } else { ${logText(out, `1 + ${a}`)} }`,
);
const erfFast = fast(
  erf32,
  (out, a) =>
    `const g = Math.abs(${a}), h = g > 4 ? 4 : g, k = h * 32 + 0.5 | 0, \
c = k * 0.03125, d = h - c, \
q = c * c, v = ERF[k] + ERF_SLOPE[k] * \
(d * (1 - d * (c + (d * (1 - 2 * q - d * c * (1.5 - q))) * ${1 / 3}))); \
${out} = ${a} === 0 ? ${a} : ${a} < 0 ? -v : v;`,
);
const random: Form = {
  text: (k0) => k0,
  evaluate: (k0, k1, counter) => threefry(k0, k1, counter, 0)[0],
  statements: threefrySource,
};

const same: Form = { text: (a) => a, evaluate: (a) => a };
const imul: Form = { text: (a, b) => `Math.imul(${a}, ${b})`, evaluate: Math.imul };

/** A conversion; the later rounding to the target does the wrapping and the f32 rounding. */
function castForm(dtype: DType, from: DType): Form {
  if (dtype === 'bool') {
    return { text: (a) => `${a} !== 0 ? 1 : 0`, evaluate: (a) => (a !== 0 ? 1 : 0) };
  }
  if (isFloating(from) && dtype === 'i32') {
    return { text: (a) => `toInt32(${a})`, evaluate: toInt32 };
  }
  if (isFloating(from) && dtype === 'u32') {
    return { text: (a) => `toUint32(${a})`, evaluate: toUint32 };
  }
  return same;
}

/*
 * Conditions of real data are unpredictable, and a branch guessed wrong costs five times what a
 * selection does (relu of 1.6M random numbers: 9 ms by `?:`, 2.0 ms so). V8 makes no conditional
 * moves of `?:`, but `(a < b) | 0` is free of branches; so values are picked from two places in
 * memory, integers by a mask. A condition is 0 or 1.
 */
const choose: Evaluate = (a, b, c) => (a !== 0 ? b : c);
const pick: Form = {
  text: (a) => a,
  evaluate: choose,
  statements: (out, a, b, c) => `PICK[0] = ${c}; PICK[1] = ${b}; const ${out} = PICK[${a} & 1];`,
};
const mask: Form = {
  text: (a, b, c) => `${c} ^ ((${b} ^ ${c}) & -${a})`,
  evaluate: choose,
};

export const ROWS: Readonly<Record<ScalarName, ScalarRow>> = {
  neg: row(
    (a) => `-${a}`,
    (a) => -a,
  ),
  abs: row((a) => `Math.abs(${a})`, Math.abs),
  sign: row(
    (a) => `${a} > 0 ? 1 : ${a} < 0 ? -1 : ${a}`,
    (a) => (a > 0 ? 1 : a < 0 ? -1 : a),
  ),
  floor: row((a) => `Math.floor(${a})`, Math.floor),
  exp: costly(1, math('exp'), exp),
  expm1: costly(1, math('expm1'), expm1),
  log: costly(1, math('log'), log),
  log1p: costly(1, math('log1p'), log1p),
  sqrt: row((a) => `Math.sqrt(${a})`, Math.sqrt),
  sin: costly(1, math('sin')),
  cos: costly(1, math('cos')),
  tanh: costly(1, math('tanh'), tanh),
  erf: costly(1, { text: (a) => `erf(${a})`, evaluate: erf }, erfFast),
  not: row(
    (a) => `(${a} === 0) | 0`,
    (a) => (a === 0 ? 1 : 0),
  ),
  cast: { isCostly: false, ulp: 0, form: castForm },
  unitFloat: row(
    (a) => `(${a} >>> 8) * ${2 ** -24}`,
    (a) => (a >>> 8) * 2 ** -24,
  ),
  add: row(
    (a, b) => `${a} + ${b}`,
    (a, b) => a + b,
  ),
  sub: row(
    (a, b) => `${a} - ${b}`,
    (a, b) => a - b,
  ),
  mul: split({ text: (a, b) => `${a} * ${b}`, evaluate: (a, b) => a * b }, imul),
  div: row(
    (a, b) => `${a} / ${b}`,
    (a, b) => a / b,
  ),
  rem: row(
    (a, b) => `${a} % ${b}`,
    (a, b) => a % b,
  ),
  pow: split(
    { text: (a, b) => `pow(${a}, ${b})`, evaluate: pow },
    { text: (a, b) => `powInteger(${a}, ${b})`, evaluate: powInteger },
    true,
    1,
  ),
  maximum: row(
    (a, b) => `Math.max(${a}, ${b})`,
    (a, b) => Math.max(a, b),
  ),
  minimum: row(
    (a, b) => `Math.min(${a}, ${b})`,
    (a, b) => Math.min(a, b),
  ),
  and: row(
    (a, b) => `(${a} !== 0) & (${b} !== 0)`,
    (a, b) => (a !== 0 && b !== 0 ? 1 : 0),
  ),
  or: row(
    (a, b) => `(${a} !== 0) | (${b} !== 0)`,
    (a, b) => (a !== 0 || b !== 0 ? 1 : 0),
  ),
  eq: row(
    (a, b) => `(${a} === ${b}) | 0`,
    (a, b) => (a === b ? 1 : 0),
  ),
  lt: row(
    (a, b) => `(${a} < ${b}) | 0`,
    (a, b) => (a < b ? 1 : 0),
  ),
  le: row(
    (a, b) => `(${a} <= ${b}) | 0`,
    (a, b) => (a <= b ? 1 : 0),
  ),
  select: split(pick, mask),
  randomBits: { isCostly: true, ulp: 0, form: () => random },
};

/** The text that rounds `expression` to `dtype`; a bool is 0 or 1 already. */
export function roundText(dtype: DType, expression: string): string {
  if (dtype === 'f32') return `Math.fround(${expression})`;
  if (dtype === 'i32') return `(${expression}) | 0`;
  if (dtype === 'u32') return `(${expression}) >>> 0`;
  return expression;
}

/** The same rounding as a function. */
export function round(dtype: DType, value: number): number {
  if (dtype === 'f32') return Math.fround(value);
  if (dtype === 'i32') return value | 0;
  if (dtype === 'u32') return value >>> 0;
  return value;
}

/** Statements that define `out` as the rounded result of a row. */
export function scalarText(
  op: ScalarName,
  out: string,
  args: readonly string[],
  dtype: DType,
  from: DType,
): string {
  const [a = '0', b = '0', c = '0'] = args;
  const { text, statements } = ROWS[op].form(dtype, from);
  if (statements === undefined) return `const ${out} = ${roundText(dtype, text(a, b, c))};`;
  const raw = `${out}x`;
  return `${statements(raw, a, b, c)} const ${out} = ${roundText(dtype, raw)};`;
}

/** The rounded result of a row as a function. */
export function scalarFunction(op: ScalarName, dtype: DType, from: DType): Evaluate {
  const { evaluate } = ROWS[op].form(dtype, from);
  if (dtype === 'f32') return (a, b, c) => Math.fround(evaluate(a, b, c));
  if (dtype === 'i32') return (a, b, c) => evaluate(a, b, c) | 0;
  if (dtype === 'u32') return (a, b, c) => evaluate(a, b, c) >>> 0;
  return evaluate;
}

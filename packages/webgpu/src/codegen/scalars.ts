/**
 * The scalar table: one row per ScalarName, as WGSL expressions. A missing row does not compile.
 * Values are f32, f16, i32 (bool too, 0 or 1) and u32. Semantics are cpu-js's.
 */
import { type DType, DTypeError, type ScalarName } from '@tenon/core';

/** An expression, and the names of the prelude functions that it calls. */
interface RowText {
  readonly expression: string;
  readonly prelude: readonly string[];
}

export interface Row {
  /** Largest error of an f32 result in ULP against the rounded exact one; 0: as rounded. */
  readonly ulp: number;
  /** Costs more than a store and a load: kept instead of computed in two phases. */
  readonly isCostly: boolean;
  /** `args` are names or atoms; `dtype` is the result's, `from` the operands'. */
  text(args: readonly string[], dtype: DType, from: DType): RowText;
}

type Text = (args: readonly string[], dtype: DType, from: DType) => RowText;

function plain(expression: string): RowText {
  return { expression: `(${expression})`, prelude: [] };
}

function call(name: string, ...args: readonly string[]): RowText {
  return { expression: `${name}(${args.join(', ')})`, prelude: [name] };
}

/** A function of f32 values; f16 goes through f32 and is rounded once at the end. */
function callFloat(name: string, args: readonly string[], dtype: DType): RowText {
  if (dtype !== 'f16') return call(name, ...args);
  const { expression, prelude } = call(name, ...args.map((x) => `f32(${x})`));
  return { expression: `f16(${expression})`, prelude };
}

function row(text: Text): Row {
  return { ulp: 0, isCostly: false, text };
}

function infix(operator: string): Row {
  return row(([a, b]) => plain(`${a} ${operator} ${b}`));
}

function comparison(operator: string): Row {
  return row(([a, b]) => plain(`select(0, 1, ${a} ${operator} ${b})`));
}

function isFloat(dtype: DType): boolean {
  return dtype === 'f32' || dtype === 'f16';
}

/** A float function of the prelude, of f32 and f16 only. */
function costly(name: string, ulp: number): Row {
  return { ulp, isCostly: true, text: (args, dtype) => callFloat(name, args, dtype) };
}

/** maximum and minimum: floats by the prelude, integers and bools by the builtin. */
function extreme(name: 'max' | 'min'): Row {
  return row((args, dtype) => {
    if (isFloat(dtype)) return callFloat(`nan_${name}`, args, dtype);
    return plain(`${name}(${args.join(', ')})`);
  });
}

function signText([a]: readonly string[], dtype: DType): RowText {
  if (isFloat(dtype)) return callFloat('sign_', [`${a}`], dtype);
  return plain(dtype === 'u32' ? `min(${a}, 1u)` : `clamp(${a}, -1, 1)`);
}

/**
 * Drivers simplify what they compile as if numbers were real: over SwiftShader (x · c) / c and
 * (x − c) + c gave x, and (x · 0) / x gave 0, whatever they overflow to. Every such rule needs a
 * difference or a quotient by a value that occurs again: by one that the compiler does not know.
 */
function hidden(text: (a: string, b: string) => string, args: readonly string[]): RowText {
  const [a, b] = args;
  return { expression: `(${text(`${a}`, `opaque(${b})`)})`, prelude: ['opaque'] };
}

function subText(args: readonly string[], dtype: DType): RowText {
  const [a, b] = args;
  if (dtype === 'f32') return hidden((x, y) => `${x} - ${y}`, args);
  if (dtype === 'f16') return hidden((x, y) => `${x} - f16(${y})`, [`${a}`, `f32(${b})`]);
  return plain(`${a} - ${b}`);
}

function divText(args: readonly string[], dtype: DType): RowText {
  const [a, b] = args;
  if (dtype === 'f32') return hidden((x, y) => `${x} / ${y}`, args);
  if (dtype === 'f16') {
    return hidden((x, y) => `f16(${x} / ${y})`, [`f32(${a})`, `f32(${b})`]);
  }
  return call(dtype === 'u32' ? 'div_u32' : 'div_i32', ...args);
}

function remText(args: readonly string[], dtype: DType): RowText {
  if (isFloat(dtype)) return callFloat('rem_', args, dtype);
  // WGSL's own gives 0 where the divisor is 0
  return plain(args.join(' % '));
}

function powText(args: readonly string[], dtype: DType): RowText {
  if (isFloat(dtype)) return callFloat('pow_', args, dtype);
  return call(dtype === 'u32' ? 'pow_u32' : 'pow_i32', ...args);
}

function castText([a]: readonly string[], dtype: DType, from: DType): RowText {
  if (dtype === 'f64' || from === 'f64') {
    throw new DTypeError(
      `cast: expected f32, f16, i32, u32 or bool, got ${from} → ${dtype}; WGSL has no f64`,
    );
  }
  if (dtype === from) return plain(`${a}`);
  const wide = from === 'f16' ? `f32(${a})` : `${a}`;
  if (dtype === 'bool') {
    // by bits: NaN counts as true, and so does a subnormal that arithmetic would flush
    if (isFloat(from)) return plain(`select(0, 1, (bitcast<u32>(${wide}) & 0x7fffffffu) != 0u)`);
    return plain(`select(0, 1, ${a} != ${from === 'u32' ? '0u' : '0'})`);
  }
  if (isFloat(from)) {
    if (isFloat(dtype)) return plain(`${dtype}(${a})`);
    return call(`to_${dtype}`, wide);
  }
  if (from === 'u32' && isFloat(dtype)) {
    const { expression, prelude } = call('from_u32', `${a}`);
    return { expression: dtype === 'f16' ? `f16(${expression})` : expression, prelude };
  }
  if (dtype === 'f16') return plain(`f16(f32(${a}))`);
  return plain(`${dtype}(${a})`);
}

/**
 * Every row. `ulp` is what the tests beside this file hold; for division it is WGSL's own bound
 * (2.5), and tanh, whose quotient that bound can move, is one above the measured 2.
 */
export const ROWS: Readonly<Record<ScalarName, Row>> = {
  neg: row(([a], dtype) => plain(dtype === 'u32' ? `0u - ${a}` : `-${a}`)),
  abs: row(([a], dtype) => plain(dtype === 'u32' ? `${a}` : `abs(${a})`)),
  sign: row(signText),
  floor: row(([a]) => plain(`floor(${a})`)),
  exp: costly('exp_', 1),
  expm1: costly('expm1_', 1),
  log: costly('log_', 1),
  log1p: costly('log1p_', 2),
  sqrt: row((args, dtype) => callFloat('sqrt_', args, dtype)),
  sin: costly('sin_', 1),
  cos: costly('cos_', 1),
  tanh: costly('tanh_', 3),
  erf: costly('erf_', 1),
  not: row(([a]) => plain(`1 - ${a}`)),
  cast: row(castText),
  unitFloat: row((args) => call('unit_float', ...args)),
  add: infix('+'),
  sub: row(subText),
  mul: infix('*'),
  div: { ...row(divText), ulp: 3 },
  rem: { ulp: 0, isCostly: true, text: remText },
  pow: { ulp: 1, isCostly: true, text: powText },
  maximum: extreme('max'),
  minimum: extreme('min'),
  and: infix('&'),
  or: infix('|'),
  eq: comparison('=='),
  lt: comparison('<'),
  le: comparison('<='),
  select: row(([condition, a, b]) => plain(`select(${b}, ${a}, ${condition} != 0)`)),
  randomBits: { ulp: 0, isCostly: true, text: (args) => call('random_bits', ...args) },
};

/**
 * What the functions of this folder share: float literals, Horner's rule, and the shape of an entry
 * of the prelude. Polynomials are least-maximum fits to the error that each file names, with
 * coefficients rounded to float32 one after the other; they hold whether `fma` is fused or not.
 * What a CPU adapter (SwiftShader) executes lane by lane is avoided: shifts, round, i32(f32),
 * countLeadingZeros and integer division cost 20 to 50 additions there. Both sides of an `if` run.
 */

/** A WGSL function and the other prelude functions that it calls. */
export interface PreludeFunction {
  readonly text: string;
  readonly needs: readonly string[];
}

export type PreludePart = Readonly<Record<string, PreludeFunction>>;

/** A prelude function of this text. */
export function wgsl(text: string, needs: readonly string[] = []): PreludeFunction {
  return { text: text.trim(), needs };
}

/** A float32 literal: shortest decimal digits, so that both sides read the same number. */
export function float(x: number): string {
  return `${x}f`;
}

/** Σ c_i x^i as an expression, coefficients lowest first; `x` is a name. */
export function horner(coefficients: readonly number[], x: string): string {
  const [last = 0, ...rest] = [...coefficients].reverse();
  return rest.reduce((sum, c) => `fma(${sum}, ${x}, ${float(c)})`, float(last));
}

/**
 * The bits of x + ROUND end in x rounded to an integer: `nearest_bits` in the texts. The float
 * x + ROUND - ROUND would say the same, but compilers cancel the two constants.
 */
export const ROUND: string = float(1.5 * 2 ** 23);
/** Bits of ROUND as an i32. */
export const ROUND_BITS = '0x4b400000';

/**
 * tanh: an odd polynomial of degree 11 up to 0.55, 1 - 2/(e^2x + 1) above, both computed. Above
 * 0.55 an error of e^2x counts a third or less, so 2x·log2(e) needs no second part; one of the
 * quotient counts half, so WGSL's bound on divisions (2.5 ULP) costs at most one more ULP.
 */
import { float, horner, type PreludePart, ROUND, ROUND_BITS, wgsl } from './wgsl.ts';

/** (tanh(x)/x - 1)/x² in x²; tanh is then within 1.2e-9 up to 0.55. */
const SMALL_FIT = [
  -0.33333316445350647, 0.13332544267177582, -0.0538475476205349, 0.02105071395635605,
  -0.00624284939840436,
] as const;

/** (2^r - 1)/r on |r| <= ½; 2^r is then within 3e-9. */
export const EXP2_FIT = [
  0.6931471824645996, 0.24022647738456726, 0.05550359934568405, 0.009618505835533142,
  0.001339081209152937, 0.00015326497668866068,
] as const;

export const TANH: PreludePart = {
  tanh_: wgsl(
    `
fn tanh_(x: f32) -> f32 {
  let a = capped(x, 10f);
  let square = a * a;
  let small = fma(square * a, ${horner(SMALL_FIT, 'square')}, a);
  let t = a * ${float(Math.fround(2 * Math.LOG2E))};
  let n = bitcast<i32>(t + ${ROUND}) - ${ROUND_BITS};
  let r = t - f32(n);
  let p = ${horner([1, ...EXP2_FIT], 'r')};
  let large = 1f - 2f / fma(p, bitcast<f32>((n + 127) * 0x800000), 1f);
  return keep_nan(with_sign(select(large, small, a < 0.55f), x), x);
}`,
    ['capped', 'keep_nan', 'with_sign'],
  ),
};

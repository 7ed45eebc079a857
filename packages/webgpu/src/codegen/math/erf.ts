/**
 * erf: an odd polynomial of degree 13 up to 1, one of degree 14 about 2.4375 above, both computed.
 */
import { float, horner, type PreludePart, wgsl } from './wgsl.ts';

/** From here on erf rounds to 1. */
const END = 3.9200000762939453;
const CENTER = 2.4375;
/** erf(x)/x - 1 in x², x <= 1: erf is within 1.5e-9. */
const SMALL_FIT = [
  0.12837916612625122, -0.3761262595653534, 0.11283578723669052, -0.026853347197175026,
  0.005187162198126316, -0.0007997853099368513, 7.806903886375949e-5,
] as const;
/** erf in x - CENTER, 1 <= x <= END: within 8e-9. */
const LARGE_FIT = [
  0.9994334578514099, 0.00296568451449275, -0.007229101378470659, 0.010759818367660046,
  -0.010701695457100868, 0.007200745865702629, -0.003003945341333747, 0.0003896621346939355,
  0.000417928647948429, -0.00031591998413205147, 6.93577530910261e-5, 2.9378255931078456e-5,
  -1.7386813851771876e-5, -2.4936869635894254e-7, 1.1049569366150536e-6,
] as const;

export const ERF: PreludePart = {
  erf_: wgsl(
    `
fn erf_(x: f32) -> f32 {
  let a = capped(x, ${float(END)});
  let square = a * a;
  let usual = fma(a, ${horner(SMALL_FIT, 'square')}, a);
  // near the least normal number the product above would be flushed to 0
  let slope = ${float(Math.fround(2 / Math.sqrt(Math.PI)))};
  let small = select(usual, a * slope, a < ${float(2 ** -64)});
  let d = a - ${float(CENTER)};
  let large = ${horner(LARGE_FIT, 'd')};
  return keep_nan(with_sign(select(large, small, a < 1f), x), x);
}`,
    ['capped', 'keep_nan', 'with_sign'],
  ),
};

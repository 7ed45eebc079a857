/**
 * erf of f32 lanes: an odd polynomial of degree 13 up to 1, one of degree 14 about 2.4375 above,
 * both computed in every lane.
 */
import type { F32, Lanes } from '../lanes.ts';
import { horner, withSignOf } from './horner.ts';

/** From here on erf rounds to 1. */
const END = 3.92;
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

/** erf x = 2/√π ∫₀ˣ e^(-t²) dt: at most 1 ULP off. */
export function erf(lanes: Lanes, x: F32): F32 {
  const a = lanes.pmin(lanes.abs(x), lanes.f32(END));
  const small = lanes.madd(a, horner(lanes, SMALL_FIT, lanes.mul(a, a)), a);
  const large = horner(lanes, LARGE_FIT, lanes.sub(a, lanes.f32(CENTER)));
  return withSignOf(lanes, lanes.select(lanes.lt(a, lanes.f32(1)), small, large), x);
}

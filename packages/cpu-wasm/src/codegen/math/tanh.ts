/**
 * tanh of f32 lanes: an odd polynomial of degree 11 up to 0.55, 1 - 2/(e^2x + 1) above, both
 * computed in every lane. Above 0.55 an error of e^2x counts a third or less, so 2x·log2(e)
 * needs no second part.
 */
import type { F32, Lanes } from '../lanes.ts';
import { horner, powerOfTwo, ROUND, withSignOf } from './horner.ts';

const BORDER = 0.55;
/** (tanh(x)/x - 1)/x² in x²; tanh is then within 1.2e-9 up to BORDER. */
const SMALL_FIT = [
  -0.33333316445350647, 0.13332544267177582, -0.0538475476205349, 0.02105071395635605,
  -0.00624284939840436,
] as const;

/** (2^r - 1)/r on |r| <= ½; 2^r is then within 3e-9. */
export const EXP2_FIT = [
  0.6931471824645996, 0.24022647738456726, 0.05550359934568405, 0.009618505835533142,
  0.001339081209152937, 0.00015326497668866068,
] as const;

/** tanh x: at most 2 ULP off; ±1 from 9.01 on. */
export function tanh(lanes: Lanes, x: F32): F32 {
  const a = lanes.pmin(lanes.abs(x), lanes.f32(10));
  const square = lanes.mul(a, a);
  const small = lanes.madd(lanes.mul(square, a), horner(lanes, SMALL_FIT, square), a);

  const t = lanes.mul(a, lanes.f32(2 * Math.LOG2E));
  const shifted = lanes.add(t, lanes.f32(ROUND));
  const r = lanes.sub(t, lanes.sub(shifted, lanes.f32(ROUND)));
  const p = horner(lanes, [1, ...EXP2_FIT], r);
  const below = lanes.madd(p, powerOfTwo(lanes, lanes.bits(shifted)), lanes.f32(1));
  const large = lanes.sub(lanes.f32(1), lanes.div(lanes.f32(2), below));

  const y = lanes.select(lanes.lt(a, lanes.f32(BORDER)), small, large);
  return withSignOf(lanes, y, x);
}

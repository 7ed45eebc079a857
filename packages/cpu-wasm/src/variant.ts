/** The five builds of the module, and which of them suits a place. */
import type { Features } from './features.ts';

/**
 * A build of the kernels, by what it may use: no SIMD, SIMD, relaxed SIMD (multiply and add in one
 * instruction); `-threads`: over shared memory.
 */
export type Variant = 'scalar' | 'simd' | 'relaxed' | 'simd-threads' | 'relaxed-threads';

export const VARIANTS: readonly Variant[] = [
  'scalar',
  'simd',
  'relaxed',
  'simd-threads',
  'relaxed-threads',
];

export const isThreaded = (variant: Variant): boolean => variant.endsWith('-threads');
export const isRelaxed = (variant: Variant): boolean => variant.startsWith('relaxed');

/** The best variant for `threads` threads; there is none with threads but without SIMD. */
export function pickVariant(features: Features, threads: number): Variant {
  if (features.simd !== true) return 'scalar';
  const kind = features.relaxed === true ? 'relaxed' : 'simd';
  return threads > 1 && features.threads === true ? `${kind}-threads` : kind;
}

/** Why a variant cannot run here, or null. */
export function whyNot(variant: Variant, features: Features): string | null {
  const needed = [features.wasm];
  if (variant !== 'scalar') needed.push(features.simd);
  if (isRelaxed(variant)) needed.push(features.relaxed);
  if (isThreaded(variant)) needed.push(features.threads);
  return needed.find((feature) => feature !== true) ?? null;
}

/** Small things that many suites need: reading, errors, seeded arrays. */
import { expect } from 'vitest';
import { uniforms } from './samples/scalars.ts';

/** Seeded numbers in [low, high), rounded to f32 so that they mean the same in every dtype. */
export function seeded(count: number, seed: number, low = -2, high = 2): Float32Array<ArrayBuffer> {
  const next = uniforms(seed);
  return Float32Array.from({ length: count }, () => low + (high - low) * next());
}

type ErrorClass = new (...args: never[]) => Error;

/** Runs fn, which must throw exactly this class with exactly this text. */
export async function expectError(
  fn: () => unknown,
  errorClass: ErrorClass,
  text: string,
): Promise<void> {
  let thrown: unknown = null;
  try {
    await fn();
  } catch (error) {
    thrown = error;
  }
  if (!(thrown instanceof Error)) throw new Error(`expected ${errorClass.name}, got no error`);
  expect({ class: thrown.constructor.name, name: thrown.name, text: thrown.message }).toEqual({
    class: errorClass.name,
    name: errorClass.name,
    text,
  });
}

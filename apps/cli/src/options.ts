// Values of options: text in, checked value out. Each parser throws commander's
// InvalidArgumentError, which names the option and ends the command with the usage exit code.
import { InvalidArgumentError } from 'commander';

/** A whole number of at least `minimum`. */
export function wholeNumber(minimum: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!Number.isSafeInteger(value) || value < minimum) {
      throw new InvalidArgumentError(`Expected a whole number of at least ${minimum}.`);
    }
    return value;
  };
}

/** A number above 0. */
export function positiveNumber(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(value) || value <= 0) {
    throw new InvalidArgumentError('Expected a number above 0.');
  }
  return value;
}

/** The first 32 bits are all that a seed has. */
export function seed(text: string): number {
  const value = wholeNumber(0)(text);
  if (value > 0xffff_ffff) {
    throw new InvalidArgumentError('Expected a whole number from 0 to 4294967295.');
  }
  return value;
}

/** A path of at least one character. */
export function path(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('Expected a path.');
  return text;
}

/** A shape as in `1x28x28` or `784`. */
export function shape(text: string): number[] {
  const sizes = text.split(/[x,]/).map(Number);
  if (!sizes.every((size) => Number.isSafeInteger(size) && size > 0)) {
    throw new InvalidArgumentError('Expected sizes such as 1x28x28.');
  }
  return sizes;
}

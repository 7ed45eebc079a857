import { describe, expect, it } from 'vitest';
import { parseArguments, UsageError } from './cli.ts';

function messageOf(...args: string[]): string {
  try {
    parseArguments(args);
    return 'accepted';
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return `${error.exitCode}: ${error.message}`;
  }
}

describe('parseArguments', () => {
  it('measures the headline by default and writes nothing', () => {
    expect(parseArguments([])).toEqual({
      isFull: false,
      isList: false,
      filter: undefined,
      systems: undefined,
      json: undefined,
      isSaved: false,
      check: undefined,
      isGpu: false,
    });
  });

  it('reads every option', () => {
    const args = ['--full', '--filter', '^conv', '--systems', 'tfjs', '--json', 'a.json', '--save'];
    const options = parseArguments(args);
    expect(options.isFull).toBe(true);
    expect(options.filter?.test('conv3x3')).toBe(true);
    expect(options.systems?.test('jax-js-wasm')).toBe(false);
    expect(options.json).toBe('a.json');
    expect(options.isSaved).toBe(true);
    expect(parseArguments(['--check', 'part2']).check).toBe('part2');
    expect(parseArguments(['--gpu']).isGpu).toBe(true);
    expect(parseArguments(['--list']).isList).toBe(true);
  });

  it('says what is wrong, with exit code 2', () => {
    expect(messageOf('--fast')).toContain("2: error: unknown option '--fast'");
    expect(messageOf('--filter')).toMatchInlineSnapshot(
      `"2: error: option '--filter <regex>' argument missing"`,
    );
    expect(messageOf('--filter', '[')).toBe(
      "2: error: option '--filter <regex>' argument '[' is invalid. " +
        "expected a regular expression, got '['.",
    );
    expect(messageOf('--check', 'part9')).toBe(
      "2: error: option '--check <part>' argument 'part9' is invalid. " +
        'Allowed choices are part1, part2, part3.',
    );
    expect(messageOf('--check', 'part1', '--full')).toMatchInlineSnapshot(
      `"2: error: --check chooses its own systems; leave out --systems and --full"`,
    );
    expect(messageOf('--gpu', '--full')).toMatchInlineSnapshot(
      `"2: error: --gpu measures one fixed list; leave out what chooses another"`,
    );
    expect(messageOf('matmul')).toMatchInlineSnapshot(
      `"2: error: too many arguments. Expected 0 arguments but got 1: matmul."`,
    );
  });
});

import { FormatError } from '@tenon/core';
import { describe, expect, it } from 'vitest';
import { parseDescription } from './description.ts';
import { DESCRIPTION } from './testing.ts';

describe('parseDescription', () => {
  it('takes what was saved', () => {
    expect(parseDescription(JSON.parse(JSON.stringify(DESCRIPTION)), 'm.json')).toEqual(
      DESCRIPTION,
    );
  });

  it.each([
    [[], 'm.json: expected the description to be an object, got []'],
    [
      { ...DESCRIPTION, format: 'other' },
      'm.json: expected a description with format \'tenon-model\', got "other"',
    ],
    [
      { ...DESCRIPTION, version: 2 },
      'm.json: expected description version 1, got 2 (saved by a newer Tenon?)',
    ],
    [
      { ...DESCRIPTION, inputShape: [0] },
      "m.json: expected 'inputShape' in the description to be a list of sizes, got [0]",
    ],
    [
      { ...DESCRIPTION, classes: [] },
      "m.json: expected 'classes' in the description to be a list of names, got []",
    ],
    [
      { ...DESCRIPTION, test: undefined },
      "m.json: expected 'test' in the description to be an object, got nothing",
    ],
    [
      { ...DESCRIPTION, seed: 'x' },
      'm.json: expected \'seed\' in the description to be a whole number of 32 bits, got "x"',
    ],
    [
      { ...DESCRIPTION, seed: -1 },
      "m.json: expected 'seed' in the description to be a whole number of 32 bits, got -1",
    ],
  ])('refuses %j', (value, message) => {
    expect(() => parseDescription(value, 'm.json')).toThrow(new FormatError(message));
  });
});

import { FormatError } from '@tenon/core';
import { describe, expect, it } from 'vitest';
import { parseDescription } from './description.ts';

const valid = {
  format: 'tenon-model',
  version: 1,
  model: 'mlp',
  inputShape: [1, 8, 8],
  classes: ['a', 'b'],
  parameters: 10,
  backend: 'cpu-js',
  seed: 1,
  data: { source: 'digits', limit: null, label: null },
  training: {
    optimizer: 'adam',
    learningRate: 0.001,
    schedule: 'cosine',
    batchSize: 32,
    epochs: 2,
    shift: 0,
  },
  test: { accuracy: 0.5, loss: 0.7, samples: 8 },
};

describe('parseDescription', () => {
  it('takes what was saved', () => {
    expect(parseDescription(JSON.parse(JSON.stringify(valid)), 'm.json')).toEqual(valid);
  });

  it.each([
    [[], 'm.json: expected the description to be an object, got []'],
    [
      { ...valid, format: 'other' },
      'm.json: expected a description with format \'tenon-model\', got "other"',
    ],
    [
      { ...valid, version: 2 },
      'm.json: expected description version 1, got 2 (saved by a newer Tenon?)',
    ],
    [
      { ...valid, inputShape: [0] },
      "m.json: expected 'inputShape' in the description to be a list of sizes, got [0]",
    ],
    [
      { ...valid, classes: [] },
      "m.json: expected 'classes' in the description to be a list of names, got []",
    ],
    [
      { ...valid, test: undefined },
      "m.json: expected 'test' in the description to be an object, got nothing",
    ],
    [
      { ...valid, seed: 'x' },
      'm.json: expected \'seed\' in the description to be a whole number of 32 bits, got "x"',
    ],
    [
      { ...valid, seed: -1 },
      "m.json: expected 'seed' in the description to be a whole number of 32 bits, got -1",
    ],
  ])('refuses %j', (value, message) => {
    expect(() => parseDescription(value, 'm.json')).toThrow(new FormatError(message));
  });
});

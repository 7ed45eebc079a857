// What is stored about a model beside its weights, and the reading of it: every field is checked,
// since the file may have been edited or come from a newer version.
import { FormatError } from '@tenon/core';

/** The description of a saved model. */
export interface ModelDescription {
  readonly format: 'tenon-model';
  readonly version: 1;
  /** The architecture's name, as in `--model`. */
  readonly model: string;
  /** The shape of one sample, without the batch axis. */
  readonly inputShape: readonly number[];
  readonly classes: readonly string[];
  readonly parameters: number;
  readonly backend: string;
  readonly seed: number;
  readonly data: DataDescription;
  readonly training: TrainingDescription;
  /** On the held-out samples; accuracy is a share of 1. */
  readonly test: { readonly accuracy: number; readonly loss: number; readonly samples: number };
}

/** The data a model was trained on, as the options of the same names. */
interface DataDescription {
  readonly source: string;
  /** Null where all samples were used. */
  readonly limit: number | null;
  readonly label: string | null;
}

interface TrainingDescription {
  readonly optimizer: string;
  readonly learningRate: number;
  readonly schedule: string;
  readonly batchSize: number;
  readonly epochs: number;
  /** Images were shifted at random by up to so many pixels. */
  readonly shift: number;
}

type Check<T> = (value: unknown) => value is T;

const isString: Check<string> = (value): value is string => typeof value === 'string';
const isNumber: Check<number> = (value): value is number => Number.isFinite(value);
const isSize: Check<number> = (value): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
const isSeed: Check<number> = (value): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff;
const isLimit: Check<number | null> = (value) => value === null || isSize(value);
const isLabel: Check<string | null> = (value) => value === null || isString(value);
const isObject: Check<Record<string, unknown>> = (value): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isSizes: Check<number[]> = (value): value is number[] =>
  Array.isArray(value) && value.every(isSize);
const isNames: Check<string[]> = (value): value is string[] =>
  Array.isArray(value) && value.length > 0 && value.every(isString);

/** The description in `value`, which came from `path`. Throws a FormatError naming the field. */
export function parseDescription(value: unknown, path: string): ModelDescription {
  const root = field({ '': value }, '', isObject, 'an object', path);
  if (root.format !== 'tenon-model') {
    throw new FormatError(
      `${path}: expected a description with format 'tenon-model', got ${show(root.format)}`,
    );
  }
  if (root.version !== 1) {
    throw new FormatError(
      `${path}: expected description version 1, got ${show(root.version)} ` +
        '(saved by a newer Tenon?)',
    );
  }
  const data = field(root, 'data', isObject, 'an object', path);
  const training = field(root, 'training', isObject, 'an object', path);
  const test = field(root, 'test', isObject, 'an object', path);
  return {
    format: 'tenon-model',
    version: 1,
    model: field(root, 'model', isString, 'a string', path),
    inputShape: field(root, 'inputShape', isSizes, 'a list of sizes', path),
    classes: field(root, 'classes', isNames, 'a list of names', path),
    parameters: field(root, 'parameters', isNumber, 'a number', path),
    backend: field(root, 'backend', isString, 'a string', path),
    seed: field(root, 'seed', isSeed, 'a whole number of 32 bits', path),
    data: {
      source: field(data, 'source', isString, 'a string', path),
      limit: field(data, 'limit', isLimit, 'a count or null', path),
      label: field(data, 'label', isLabel, 'a name or null', path),
    },
    training: {
      optimizer: field(training, 'optimizer', isString, 'a string', path),
      learningRate: field(training, 'learningRate', isNumber, 'a number', path),
      schedule: field(training, 'schedule', isString, 'a string', path),
      batchSize: field(training, 'batchSize', isSize, 'a count', path),
      epochs: field(training, 'epochs', isSize, 'a count', path),
      shift: field(training, 'shift', isNumber, 'a number', path),
    },
    test: {
      accuracy: field(test, 'accuracy', isNumber, 'a number', path),
      loss: field(test, 'loss', isNumber, 'a number', path),
      samples: field(test, 'samples', isSize, 'a count', path),
    },
  };
}

function field<T>(
  from: Readonly<Record<string, unknown>>,
  name: string,
  check: Check<T>,
  expected: string,
  path: string,
): T {
  const value = from[name];
  if (check(value)) return value;
  const what = name === '' ? 'the description' : `'${name}' in the description`;
  throw new FormatError(`${path}: expected ${what} to be ${expected}, got ${show(value)}`);
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

// Reads the committed model specs and their float64 losses, and makes a model's data and weights.
import { readFileSync } from 'node:fs';
import { integers, uniform } from '../generator.ts';
import type { ModelName } from './types.ts';

interface UniformField {
  readonly shape: readonly number[];
  readonly kind: 'uniform';
  readonly low: number;
  readonly high: number;
  readonly seed: number;
}

interface IntegerField {
  readonly shape: readonly number[];
  readonly kind: 'integer';
  readonly below: number;
  readonly seed: number;
}

export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly init:
    | { readonly kind: 'uniform'; readonly bound: number }
    | { readonly kind: 'zeros' | 'ones' };
}

/** One model as committed in `models/<name>.json`; names and layouts are PyTorch's. */
export interface ModelSpec {
  readonly name: ModelName;
  readonly description: string;
  readonly input: UniformField | IntegerField;
  readonly target: IntegerField;
  readonly optimizer: {
    readonly name: 'adam';
    readonly learningRate: number;
    readonly beta1: number;
    readonly beta2: number;
    readonly epsilon: number;
  };
  readonly parameterCount: number;
  readonly parameters: readonly ParameterSpec[];
  /** The transformer's alone. */
  readonly layers?: number;
  readonly heads?: number;
  readonly width?: number;
  readonly length?: number;
  readonly vocabulary?: number;
  readonly normEpsilon?: number;
}

/** One parameter with its initial values. */
export interface ParameterData {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Everything a system needs to build a training step. */
export interface ModelData {
  readonly spec: ModelSpec;
  readonly input: Float32Array | Int32Array;
  readonly target: Int32Array;
  readonly parameters: readonly ParameterData[];
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8'));
}

/** The spec in `models/<name>.json`. */
export function readModel(name: ModelName): ModelSpec {
  return readJson(`models/${name}.json`) as ModelSpec;
}

/** `losses[i]` is the float64 loss after `i` updates on the one fixed batch. */
export function readGolden(name: ModelName): readonly number[] {
  return (readJson(`golden/train-${name}.json`) as { losses: number[] }).losses;
}

function parameterValues(spec: ParameterSpec, index: number): Float32Array {
  const count = sizeOf(spec.shape);
  if (spec.init.kind !== 'uniform')
    return new Float32Array(count).fill(spec.init.kind === 'ones' ? 1 : 0);
  return uniform(1000 + index, count, -spec.init.bound, spec.init.bound);
}

/** The batch and the initial parameters; parameter `i` comes from stream `1000 + i`. */
export function makeModelData(spec: ModelSpec): ModelData {
  const { input, target } = spec;
  const count = sizeOf(input.shape);
  return {
    spec,
    input:
      input.kind === 'uniform'
        ? uniform(input.seed, count, input.low, input.high)
        : integers(input.seed, count, input.below),
    target: integers(target.seed, sizeOf(target.shape), target.below),
    parameters: spec.parameters.map((p, i) => ({
      name: p.name,
      shape: p.shape,
      data: parameterValues(p, i),
    })),
  };
}

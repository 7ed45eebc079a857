/** For tests only: runs overrides on a machine without core, and convolution as plain loops. */
import type { Override, TensorType } from '@tenon/core';
import { SCRATCH_BYTES, scratchOf } from '../address-map.ts';
import { detectFeatures } from '../features.ts';
import type { WasmKernel } from '../kernel.ts';
import type { Machine } from '../machine.ts';
import { type TestMachine, testMachine } from '../test-machine.ts';
import { type Variant, whyNot } from '../variant.ts';

const ALL: readonly Variant[] = ['scalar', 'simd', 'relaxed'];
/** Single-threaded variants that run here. */
export const VARIANTS: readonly Variant[] = ALL.filter(
  (variant) => whyNot(variant, detectFeatures()) === null,
);

/** Seeded numbers between -1 and 1, exact in f32. */
export function numbers(count: number, seed: number): Float32Array<ArrayBuffer> {
  let state = seed * 2654435761 + 12345;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 31;
  });
}
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

export interface Operand {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array;
}

/**
 * The same machine, except that every unit is a call of its own, the last one first, in scratch
 * full of NaN: what does not depend on the cut, on order or on what scratch held gives equal bits.
 */
function backwards(machine: TestMachine): Machine {
  const names: string[] = [];
  return {
    variant: machine.variant,
    hasSimd: machine.hasSimd,
    hasRelaxed: machine.hasRelaxed,
    threads: 1,
    args: machine.args,
    exports: machine.exports,
    get u8() {
      return machine.u8;
    },
    get i32() {
      return machine.i32;
    },
    get f32() {
      return machine.f32;
    },
    get f64() {
      return machine.f64;
    },
    kernel: (name) => names.push(name) - 1,
    define: (bytes, list) => machine.define(bytes, list),
    run: (fn, args, total) => {
      const scratch = scratchOf(0);
      for (let unit = total - 1; unit >= 0; unit--) {
        machine.f32.fill(Number.NaN, scratch / 4, (scratch + SCRATCH_BYTES) / 4);
        machine.exports[names[fn]!]!(args, unit, unit + 1, scratch);
      }
    },
  };
}

/** Why an override does not take these operands, or true. */
export function ask(
  override: Override,
  shapes: readonly (readonly number[])[],
  attrs: object,
): true | string {
  return override.supports(
    shapes.map((shape): TensorType => ({ shape, dtype: 'f32' })),
    attrs,
  );
}

/** Runs an override; outputs of these sizes, as f32. Fails where it writes beyond one of them. */
export function launch(
  machine: TestMachine,
  make: (machine: Machine) => Override,
  inputs: readonly Operand[],
  attrs: object,
  sizes: readonly number[],
  isBackwards = false,
): Float32Array<ArrayBuffer>[] {
  const override = make(isBackwards ? backwards(machine) : machine);
  const types = inputs.map(({ shape }): TensorType => ({ shape, dtype: 'f32' }));
  const supports = override.supports(types, attrs);
  if (supports !== true) throw new Error(supports);
  const args = Int32Array.from(override.words(types, attrs));
  const kernel = override.prepare({ kind: 'fused', name: '', dtype: 'f32', epilogue: null });
  const given = inputs.map(({ data }) => machine.put(data));
  const guard = new Float32Array(64).fill(7);
  const outputs = sizes.map((size) => machine.put(new Float32Array(size + 64).fill(7)));
  const bytes = kernel.workspace(args);
  const workspace = bytes > 0 ? [machine.put(new Float32Array(bytes / 4).fill(Number.NaN))] : [];
  const buffers = [...given, ...outputs, ...workspace];
  // Overrides of this backend prepare its own kernels.
  (kernel as WasmKernel).run(buffers, args);
  const results = outputs.map((buffer, i) => {
    const all = machine.get(buffer, 'f32');
    const behind = all.slice(sizes[i]!);
    if (behind.some((value, k) => value !== guard[k])) throw new Error('wrote beyond an output');
    return all.slice(0, sizes[i]!);
  });
  for (const buffer of buffers) machine.free(buffer);
  return results;
}

const machines = new Map<string, Promise<TestMachine>>();
/** One machine a variant and number of threads for all tests of a file. */
export function machineOf(variant: Variant, threads = 1): Promise<TestMachine> {
  const key = `${variant} ${threads}`;
  const known = machines.get(key) ?? testMachine(variant, threads);
  machines.set(key, known);
  return known;
}

/** A convolution by its definition. Three spatial axes. */
export interface Loops {
  readonly x: readonly number[];
  readonly weight: readonly number[];
  readonly count: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  readonly low: readonly number[];
  readonly groups: number;
}

/** Calls visit with the indices of every term: y[at] += x[from] · weight[tap]. */
export function eachTerm(
  { x, weight, count, stride, dilation, low, groups }: Loops,
  visit: (at: number, from: number, tap: number) => void,
): void {
  const [batch, channels, ...size] = x as [number, number, number, number, number];
  const [outputs, inner, ...kernel] = weight as [number, number, number, number, number];
  const inside = (p: number, k: number, axis: number): number =>
    p * stride[axis]! + k * dilation[axis]! - low[axis]!;
  const perWindow = (p: readonly number[], at: number, n: number, o: number): void => {
    const first = Math.floor(o / (outputs / groups)) * inner;
    let tap = o * inner * sizeOf(kernel);
    for (let c = 0; c < inner; c++) {
      for (let a = 0; a < kernel[0]!; a++) {
        for (let b = 0; b < kernel[1]!; b++) {
          for (let d = 0; d < kernel[2]!; d++, tap++) {
            const z = inside(p[0]!, a, 0);
            const y = inside(p[1]!, b, 1);
            const q = inside(p[2]!, d, 2);
            if (z < 0 || y < 0 || q < 0) continue;
            if (z >= size[0]! || y >= size[1]! || q >= size[2]!) continue;
            const plane = (n * channels + first + c) * size[0]! + z;
            visit(at, (plane * size[1]! + y) * size[2]! + q, tap);
          }
        }
      }
    }
  };
  let at = 0;
  for (let n = 0; n < batch; n++) {
    for (let o = 0; o < outputs; o++) {
      for (let a = 0; a < count[0]!; a++) {
        for (let b = 0; b < count[1]!; b++) {
          for (let d = 0; d < count[2]!; d++) perWindow([a, b, d], at++, n, o);
        }
      }
    }
  }
}

/** A sum in doubles and the sum of its terms' magnitudes. */
export interface Sums {
  readonly value: Float64Array;
  readonly magnitude: Float64Array;
}
export function sums(length: number): Sums {
  return { value: new Float64Array(length), magnitude: new Float64Array(length) };
}
export function addTo({ value, magnitude }: Sums, at: number, term: number): void {
  value[at] = value[at]! + term;
  magnitude[at] = magnitude[at]! + Math.abs(term);
}

/** The largest error, in half units in the last place of the sum of the terms' magnitudes. */
export function worst(got: Float32Array, { value, magnitude }: Sums): number {
  if (got.length !== value.length) return Infinity;
  let most = 0;
  for (let i = 0; i < value.length; i++) {
    const error = Math.abs(got[i]! - value[i]!);
    const relative = error === 0 ? 0 : error / (magnitude[i]! * 2 ** -24);
    if (!(relative <= most)) most = relative;
  }
  return most;
}

/**
 * linear as one launch: x [rows, in] times weight [out, in] transposed, and the bias added to each
 * block of sums while it is in the cache. Relaxed, one core, against the decomposition: 1x784 to
 * 128 9 against 17 µs, 64x128 to 10 7 against 15, 64x784 to 128 249 against 266.
 * Words: rows, in, out, hasBias (0 or 1). Buffers: x, weight, bias if any, out [rows, out].
 */
import type { FusedSpec, Override } from '@tenon/core';
import { WasmKernel } from '../kernel.ts';
import { Multiplier } from '../kernels/matmul.ts';
import type { Machine } from '../machine.ts';

const NO_WORDS: Int32Array = new Int32Array(0);

function prepareLinear(spec: FusedSpec, machine: Machine): WasmKernel {
  const multiplier = new Multiplier(machine, spec.dtype === 'f64' ? 'f64' : 'f32', null);
  const { plan } = multiplier;
  const decide = (args: Int32Array, x: number, weight: number, out: number): void => {
    const { size } = plan;
    const inner = args[1]!;
    const columns = args[2]!;
    plan.b0 = 1;
    plan.b1 = 1;
    plan.m = args[0]!;
    plan.n = columns;
    plan.k = inner;
    plan.isStored = true;
    setMatrix(plan.a, x, inner * size, size);
    setMatrix(plan.b, weight, size, inner * size);
    setMatrix(plan.c, out, columns * size, size);
    plan.decide();
  };
  return new WasmKernel(
    spec,
    (buffers, args) => {
      const hasBias = args[3] !== 0;
      const out = buffers[hasBias ? 3 : 2]!.address;
      decide(args, buffers[0]!.address, buffers[1]!.address, out);
      const workspace = plan.workspace > 0 ? buffers[buffers.length - 1]!.address : 0;
      multiplier.run(workspace, hasBias ? buffers[2]!.address : 0, buffers, NO_WORDS);
    },
    (args) => {
      decide(args, 0, 0, 0);
      return plan.workspace;
    },
  );
}

function setMatrix(
  matrix: Multiplier['plan']['a'],
  address: number,
  row: number,
  column: number,
): void {
  matrix.address = address;
  matrix.s0 = 0;
  matrix.s1 = 0;
  matrix.row = row;
  matrix.column = column;
}

/** x·Wᵀ + bias for one floating dtype. */
export function linearOverride(machine: Machine): Override {
  return {
    epilogue: false,
    supports: (inputs) => {
      const dtypes = inputs.map(({ dtype }) => dtype);
      const [dtype] = dtypes;
      if (dtype !== 'f32' && dtype !== 'f64') return `takes f32 and f64, not ${dtype}`;
      return dtypes.every((d) => d === dtype) || `takes one dtype, not ${dtypes.join(', ')}`;
    },
    words: ([x, weight, bias]) => {
      const [rows, inner] = x!.shape as [number, number];
      return [rows, inner, weight!.shape[0]!, bias === undefined ? 0 : 1];
    },
    prepare: (spec) => prepareLinear(spec, machine),
  };
}

/**
 * linear as one launch: x [rows, in] times weight [out, in] transposed; the bias is added to each
 * sum before it is stored. Words: rows, in, out, hasBias (0 or 1). Buffers: x, weight, bias if any,
 * out [rows, out].
 */
import type { FusedSpec, Override, RegionSpec } from '@tenon/core';
import { type Gpu, GpuKernel } from '../kernel.ts';
import { Multiplier } from '../kernels/matmul.ts';
import type { Float } from '../kernels/matmul-text.ts';
import { floatSupports } from './fused-shader.ts';

/** Each sum, rounded to dtype; plus element n of the bias. */
function epilogueOf(dtype: Float, hasBias: boolean): RegionSpec {
  const operand = { dtype, domain: 'kept', keptClass: 1, reducedClass: 0 } as const;
  const input = { ...operand, source: 'buffer' } as const;
  return {
    kind: 'region',
    keptRank: 4,
    reducedRank: 0,
    inputs: hasBias ? [input, input] : [input],
    outputs: [{ ...operand, step: hasBias ? 2 : 0, alias: -1 }],
    steps: hasBias
      ? [
          { op: 'load', index: 0, dtype },
          { op: 'load', index: 1, dtype },
          { op: 'add', args: [0, 1], dtype, from: dtype },
        ]
      : [{ op: 'load', index: 0, dtype }],
    constants: [],
  };
}

/** A Multiplier and the words of its launches. */
class Linear {
  private readonly multiplier: Multiplier;
  private readonly words: Int32Array;
  private readonly hasBias: boolean;

  constructor(gpu: Gpu, dtype: Float, hasBias: boolean) {
    this.multiplier = new Multiplier(gpu, dtype, epilogueOf(dtype, hasBias));
    // Sizes and two operands; sizes, the sums, the bias if any, the result.
    this.words = new Int32Array(15 + 4 + 5 * (hasBias ? 3 : 2));
    this.hasBias = hasBias;
  }

  /** The words of the product with these of linear. */
  private productWords(args: Int32Array): Int32Array {
    const { words, hasBias } = this;
    const [rows, inner, out] = [args[0]!, args[1]!, args[2]!];
    words[0] = 1;
    words[1] = 1;
    words[2] = rows;
    words[3] = out;
    words[4] = inner;
    words[8] = inner;
    words[9] = 1;
    words[13] = 1;
    words[14] = inner;
    words[15] = 1;
    words[16] = 1;
    words[17] = rows;
    words[18] = out;
    if (hasBias) words[28] = 1;
    const result = hasBias ? 29 : 24;
    words[result + 3] = out;
    words[result + 4] = 1;
    return words;
  }

  workspace(args: Int32Array): number {
    const { plan } = this.multiplier;
    plan.read(this.productWords(args));
    return plan.workspace;
  }

  encode(...[recorder, buffers, args]: Parameters<Multiplier['encode']>): void {
    this.multiplier.encode(recorder, buffers, this.productWords(args));
  }
}

function prepareLinear(spec: FusedSpec, gpu: Gpu): GpuKernel {
  const dtype = spec.dtype === 'f16' ? 'f16' : 'f32';
  const plain = new Linear(gpu, dtype, false);
  const biased = new Linear(gpu, dtype, true);
  const pick = (args: Int32Array): Linear => (args[3] === 0 ? plain : biased);
  return new GpuKernel(
    spec,
    (recorder, buffers, args) => pick(args).encode(recorder, buffers, args),
    (args) => pick(args).workspace(args),
  );
}

/** x·Wᵀ + bias, summed in f32. */
export function linearOverride(gpu: Gpu): Override {
  return {
    epilogue: false,
    supports: (inputs) => floatSupports(gpu, inputs),
    words: ([x, weight, bias]) => {
      const [rows, inner] = x!.shape as [number, number];
      return [rows, inner, weight!.shape[0]!, bias === undefined ? 0 : 1];
    },
    prepare: (spec) => prepareLinear(spec, gpu),
  };
}

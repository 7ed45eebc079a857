/**
 * The gradient of avgPool where windows overlap or leave gaps: shares are added to a plane, row of
 * windows by row; the decomposition folds axis by axis, with a tensor in between. 3x3 stride 2 of
 * 8x64x56x56: 2.3 against 4.7 ms. avgPool itself is one map, as fast as a kernel would be.
 * Buffers: g, divisor, out. Words: poolWords.
 */
import type { AvgPoolGradAttrs, Override } from '@tenon/core';
import { type WasmBuffer, WasmKernel } from '../kernel.ts';
import { type Machine, SCRATCH_BYTES } from '../machine.ts';
import { pieceOf } from './pieces.ts';
import { poolSupports, poolWords, rowsOf, sizeOf } from './pool-window.ts';

/** Whether windows cover the plane without gaps or overlap. */
function isTiled({ kernel, stride, dilation, counts, input }: AvgPoolGradAttrs): boolean {
  return kernel.every((k, i) => {
    const isWhole = k === stride[i] && counts[i]! * k === input[2 + i];
    return isWhole && (dilation[i] === 1 || k === 1);
  });
}

/** Whether offsets of a window's elements and shares of a row of windows fit into scratch. */
function fitsScratch({ kernel, counts }: AvgPoolGradAttrs): boolean {
  const row = counts[counts.length - 1] ?? 1;
  return 4 * (sizeOf(kernel) + row) + 64 <= SCRATCH_BYTES;
}

export function avgPoolGradOverride(machine: Machine): Override {
  return {
    epilogue: false,
    supports: ([g], attrs) => {
      const own = attrs as AvgPoolGradAttrs;
      if (isTiled(own)) {
        return 'has windows side by side: the decomposition is a single launch';
      }
      return fitsScratch(own) ? poolSupports(g!, own) : 'has windows or rows too long for scratch';
    },
    words: (_, attrs) => {
      const own = attrs as AvgPoolGradAttrs;
      return poolWords(own.input, own);
    },
    prepare: (spec) =>
      new WasmKernel(spec, (buffers, args) => {
        const at = machine.args / 4;
        machine.i32.set(addressesOf(buffers as readonly WasmBuffer[]), at);
        machine.i32.set(args, at + 3);
        const planes = args[0]!;
        const { thousands } = rowsOf(args);
        const piece = pieceOf(planes, thousands);
        machine.run(machine.kernel('avgPoolGrad'), machine.args, planes, piece);
      }),
  };
}

function addressesOf(buffers: readonly WasmBuffer[]): number[] {
  return buffers.map(({ address }) => address);
}

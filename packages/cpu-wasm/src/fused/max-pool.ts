/**
 * maxPool with or without indices, and its gradient; assembly/pool-max.ts says who wins a window.
 * Against the decomposition: 2x2 of 64x32x28x28 0.61 against 0.99 ms (without indices 0.58, 0.78),
 * 3x3 stride 2 of 8x64x56x56 1.7 against 2.4; the gradient of the former 1.17 against 1.38 ms.
 * maxPool: buffers x, y, and indices (i32, positions within the plane). Words: whether there are
 * indices, whether windows are 2x2 side by side, then poolWords. maxPoolGrad: buffers g, indices,
 * out; words: planes, positions and elements of a plane.
 */
import type { FusedSpec, MaxPoolAttrs, Override } from '@tenon/core';
import { type WasmBuffer, WasmKernel } from '../kernel.ts';
import type { Machine } from '../machine.ts';
import { pieceOf } from './pieces.ts';
import {
  isFloat,
  isPairs,
  poolSupports,
  poolWords,
  rowsOf,
  sizeOf,
  windowSupports,
} from './pool-window.ts';

function prepareMaxPool(spec: FusedSpec, machine: Machine): WasmKernel {
  return new WasmKernel(spec, (buffers, args) => {
    const [x, y, indices] = buffers as [WasmBuffer, WasmBuffer, WasmBuffer | undefined];
    const words = args.subarray(2);
    const at = machine.args / 4;
    const { i32 } = machine;
    i32[at] = x.address;
    i32[at + 1] = y.address;
    i32[at + 2] = args[0] === 1 ? indices!.address : 0;
    i32[at + 3] = args[1]!;
    i32.set(words, at + 4);
    const { rows, thousands } = rowsOf(words);
    machine.run(machine.kernel('maxPool'), machine.args, rows, pieceOf(rows, thousands));
  });
}

export function maxPoolOverride(machine: Machine): Override {
  return {
    epilogue: false,
    supports: ([x], attrs) => {
      const own = attrs as MaxPoolAttrs;
      if (!own.hasIndices && !isPairs(own)) {
        return 'wants no indices: the decomposition is as fast';
      }
      const reason = windowSupports(own);
      return reason === true ? poolSupports(x!, own) : reason;
    },
    words: ([x], attrs) => {
      const own = attrs as MaxPoolAttrs;
      return [own.hasIndices ? 1 : 0, isPairs(own) ? 1 : 0, ...poolWords(x!.shape, own)];
    },
    prepare: (spec) => prepareMaxPool(spec, machine),
  };
}

export function maxPoolGradOverride(machine: Machine): Override {
  return {
    epilogue: false,
    supports: ([g]) => isFloat(g!),
    words: ([g], attrs) => {
      const [n, c, ...sizes] = (attrs as { readonly input: readonly number[] }).input;
      return [n! * c!, sizeOf(g!.shape.slice(2)), sizeOf(sizes)];
    },
    prepare: (spec) =>
      new WasmKernel(spec, (buffers, args) => {
        const addresses = (buffers as readonly WasmBuffer[]).map(({ address }) => address);
        const planes = args[0]!;
        const positions = args[1]!;
        const elements = args[2]!;
        machine.i32.set([...addresses, positions, elements], machine.args / 4);
        const piece = pieceOf(planes, (planes * (positions + elements)) / 1000);
        machine.run(machine.kernel('maxPoolGrad'), machine.args, planes, piece);
      }),
  };
}

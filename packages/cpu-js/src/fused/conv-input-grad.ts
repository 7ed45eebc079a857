/**
 * convInputGrad (and convTranspose), mostly with a stride: weightᵀ [C/G·K, O/G] times g [O/G, P],
 * each block of the product added into a padded image of doubles while it is still in cache. The
 * decomposition stores the product, K times the input, copies it once and folds it axis by axis.
 * 8x64x56x56, 3x3 stride 2, 128 out: 171 ms and 6 MB against 193 and 44 MB; convTranspose2d
 * 8x64x28x28 to 32, 4x4 stride 2: 80 ms and 3 MB against 97 and 34 MB.
 * Buffers: g [N, O, P…], weight [O, C/G, K…], out [N, C, …]. Words: see convWords.
 */
import type { ConvAttrs, ConvGradAttrs, FusedSpec, Override } from '@tenon/core';
import type { Scratch } from '../codegen.ts';
import { CpuKernel } from '../kernel.ts';
import {
  K_BLOCK,
  M_BLOCK,
  multiplyBlock,
  N_BLOCK,
  pack,
  roundUp,
  SLOT_A,
  SLOT_B,
  SLOT_TILE,
} from '../kernels/gemm.ts';
import { type CpuBuffer, type View, viewOf } from '../storage.ts';
import { convSupports, convWords, Geometry } from './geometry.ts';

/** The image that shares are added into. */
const SLOT_IMAGE = 211;

/** Adds a block of shares, rows m0… (taps) by columns n0… (windows), into the image. */
function spread(
  g: Geometry,
  tile: Float64Array,
  m0: number,
  m: number,
  n0: number,
  n: number,
  image: Float64Array,
): void {
  const { taps, places } = g;
  const stride = roundUp(n);
  for (let i = 0; i < m; i++) {
    const tap = taps[m0 + i]!;
    const from = i * stride;
    for (let j = 0; j < n; j++) {
      const at = (tap + places[n0 + j]!) | 0;
      image[at] = image[at]! + tile[(from + j) | 0]!;
    }
  }
}

/** Rounds the part of a padded image that is the input's; what no window reached is 0. */
function storeImage(g: Geometry, image: Float64Array, out: View, to: number): void {
  const { size, extent, low, inner } = g;
  let at = to;
  for (let c = 0; c < inner; c++) {
    for (let z = low[0]!; z < low[0]! + size[0]!; z++) {
      for (let y = low[1]!; y < low[1]! + size[1]!; y++) {
        const row = c * g.plane + (z * extent[1]! + y) * extent[2]!;
        const isReached = z >= 0 && z < extent[0]! && y >= 0 && y < extent[1]!;
        for (let x = low[2]!; x < low[2]! + size[2]!; x++) {
          out[at++] = isReached && x >= 0 && x < extent[2]! ? image[row + x]! : 0;
        }
      }
    }
  }
}

/** All of one image's shares in one group. The weights of the group are packed whole. */
function addShares(
  g: Geometry,
  cotangent: View,
  at: number,
  image: Float64Array,
  scratch: Scratch,
): void {
  const { outer, depth, positions } = g;
  const a = scratch.wide(SLOT_A, 1);
  const b = scratch.wide(SLOT_B, N_BLOCK * outer);
  const tile = scratch.wide(SLOT_TILE, M_BLOCK * N_BLOCK);
  for (let n0 = 0; n0 < positions; n0 += N_BLOCK) {
    const n = Math.min(N_BLOCK, positions - n0);
    for (let k0 = 0; k0 < outer; k0 += K_BLOCK) {
      const k = Math.min(K_BLOCK, outer - k0);
      pack(cotangent, at + n0 + k0 * positions, 1, positions, n, k, b, roundUp(n) * k0);
    }
    for (let m0 = 0; m0 < depth; m0 += M_BLOCK) {
      const m = Math.min(M_BLOCK, depth - m0);
      for (let k0 = 0; k0 < outer; k0 += K_BLOCK) {
        const k = Math.min(K_BLOCK, outer - k0);
        const pa = roundUp(depth) * k0 + m0 * k;
        multiplyBlock(a, pa, b, roundUp(n) * k0, m, n, k, tile, 0, roundUp(n), k0 === 0);
      }
      spread(g, tile, m0, m, n0, n, image);
    }
  }
}

function transposed(g: Geometry, cotangent: View, weight: View, out: View, scratch: Scratch): void {
  const { batch, groups, inner, outer, depth, positions } = g;
  const a = scratch.wide(SLOT_A, roundUp(depth) * outer);
  const image = scratch.wide(SLOT_IMAGE, g.image);
  for (let group = 0; group < groups; group++) {
    for (let k0 = 0; k0 < outer; k0 += K_BLOCK) {
      const k = Math.min(K_BLOCK, outer - k0);
      pack(weight, (group * outer + k0) * depth, 1, depth, depth, k, a, roundUp(depth) * k0);
    }
    for (let n = 0; n < batch; n++) {
      image.fill(0, 0, g.image);
      addShares(g, cotangent, g.offset(n, group, outer, positions), image, scratch);
      storeImage(g, image, out, g.offset(n, group, inner, g.elements));
    }
  }
}

function prepareInputGrad(spec: FusedSpec, scratch: Scratch): CpuKernel {
  const geometry = new Geometry(true);
  const { dtype } = spec;
  return new CpuKernel(spec, (buffers, args) => {
    const [g, weight, out] = buffers as [CpuBuffer, CpuBuffer, CpuBuffer];
    geometry.read(args);
    transposed(geometry, viewOf(g, dtype), viewOf(weight, dtype), viewOf(out, dtype), scratch);
  });
}

/**
 * With stride 1 the transpose is a convolution as well, with nothing to sum up afterwards; but it
 * multiplies at every input position, where this kernel does at every output position.
 */
function isConv(counts: readonly number[], { stride, input }: ConvGradAttrs): boolean {
  const places = (shape: readonly number[]): number => shape.reduce((n, size) => n * size, 1);
  return stride.every((n) => n === 1) && places(input) <= 1.2 * places(counts);
}

export function convInputGradOverride(scratch: Scratch): Override {
  return {
    epilogue: false,
    supports: (inputs, attrs) => {
      if (isConv(inputs[0]!.shape.slice(2), attrs as ConvGradAttrs)) {
        return 'has stride 1: the decomposition is a conv by mirrored weights, which has a kernel';
      }
      return convSupports(inputs, attrs as ConvAttrs);
    },
    words: (inputs, attrs) => {
      const [g, weight] = inputs.map(({ shape }) => shape);
      const own = attrs as ConvGradAttrs;
      return convWords(own, own.input, weight!, g![0]!);
    },
    prepare: (spec) => prepareInputGrad(spec, scratch),
  };
}

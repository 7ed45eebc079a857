/**
 * conv as an implicit product: weight [O/G, C/G·K] times windows [C/G·K, N·P] that are packed
 * straight from the (padded) image. Sums are in the order of the decomposition: the bits are its.
 * 8x64x56x56, 3x3, 64 out: 329 ms and 6 MB against 355 and 68 MB (32x14x14 to 64, batch 64: 84
 * against 95 ms; the product alone takes 324 and 81). Depthwise 8x64x56x56: 10 against 30 ms.
 * Buffers: x [N, C, …], weight [O, C/G, K…], out [N, O, P…]. Words: see convWords.
 */
import type { ConvAttrs, FusedSpec, Override } from '@tenon/core';
import type { Scratch } from '../codegen.ts';
import { CpuKernel } from '../kernel.ts';
import {
  K_BLOCK,
  KEPT_ELEMENTS,
  M_BLOCK,
  multiplyBlock,
  N_BLOCK,
  pack,
  packAt,
  roundUp,
  SLOT_A,
  SLOT_B,
  SLOT_TILE,
} from '../kernels/gemm.ts';
import { type CpuBuffer, type View, viewOf } from '../storage.ts';
import { directConv, isThin } from './direct.ts';
import { convSupports, convWords, Geometry, paddedRoom, padPlanes } from './geometry.ts';

/** Rows (output channels) times a block of windows, into the start of the tile. */
function multiply(
  g: Geometry,
  weight: View,
  group: number,
  windows: View,
  base: number,
  first: number,
  count: number,
  keepsWeight: boolean,
  scratch: Scratch,
): void {
  const { outer, depth } = g;
  const rows = roundUp(outer);
  const a = scratch.wide(SLOT_A, 1);
  const b = scratch.wide(SLOT_B, N_BLOCK * K_BLOCK);
  const tile = scratch.wide(SLOT_TILE, rows * N_BLOCK);
  const at = group * outer * depth;
  const stride = roundUp(count);
  for (let k0 = 0; k0 < depth; k0 += K_BLOCK) {
    const k = Math.min(K_BLOCK, depth - k0);
    packAt(windows, base, g.places, first, count, g.taps, k0, k, b);
    for (let m0 = 0; m0 < outer; m0 += M_BLOCK) {
      const m = Math.min(M_BLOCK, outer - m0);
      let pa = rows * k0 + m0 * k;
      if (!keepsWeight) {
        pa = 0;
        pack(weight, at + m0 * depth + k0, depth, 1, m, k, a, 0);
      }
      multiplyBlock(a, pa, b, 0, m, count, k, tile, m0 * stride, stride, k0 === 0);
    }
  }
}

/** Stores columns first…first + count of the tile; they may reach over several images. */
function store(
  g: Geometry,
  out: View,
  image: number,
  group: number,
  first: number,
  count: number,
  tile: Float64Array,
): void {
  const { outer, positions } = g;
  const stride = roundUp(count);
  for (let n = 0; n < count; ) {
    const own = Math.floor((first + n) / positions);
    const p = first + n - own * positions;
    const length = Math.min(positions - p, count - n);
    const base = g.offset(image + own, group, outer, positions) + p;
    for (let m = 0; m < outer; m++) {
      const from = m * stride + n;
      const to = base + m * positions;
      for (let i = 0; i < length; i++) out[(to + i) | 0] = tile[(from + i) | 0]!;
    }
    n += length;
  }
}

function convolve(g: Geometry, x: View, weight: View, out: View, scratch: Scratch): void {
  const { batch, groups, inner, outer, depth, positions, chunk } = g;
  const rows = roundUp(outer);
  const keepsWeight = rows * depth <= KEPT_ELEMENTS;
  const a = scratch.wide(SLOT_A, keepsWeight ? rows * depth : M_BLOCK * K_BLOCK);
  const tile = scratch.wide(SLOT_TILE, rows * N_BLOCK);
  const windows = g.isDirect ? x : paddedRoom(g, x, chunk, scratch);
  for (let group = 0; group < groups; group++) {
    for (let k0 = 0; keepsWeight && k0 < depth; k0 += K_BLOCK) {
      const k = Math.min(K_BLOCK, depth - k0);
      pack(weight, group * outer * depth + k0, depth, 1, outer, k, a, rows * k0);
    }
    for (let image = 0; image < batch; image += chunk) {
      const images = Math.min(chunk, batch - image);
      const from = g.offset(image, group, inner, g.elements);
      for (let i = 0; !g.isDirect && i < images; i++) {
        const source = g.offset(image + i, group, inner, g.elements);
        padPlanes(g, x, source, inner, windows, i * g.image);
      }
      const base = g.isDirect ? from + g.start : 0;
      for (let first = 0; first < images * positions; first += N_BLOCK) {
        const count = Math.min(N_BLOCK, images * positions - first);
        multiply(g, weight, group, windows, base, first, count, keepsWeight, scratch);
        store(g, out, image, group, first, count, tile);
      }
    }
  }
}

function prepareConv(spec: FusedSpec, scratch: Scratch): CpuKernel {
  const geometry = new Geometry(false);
  const { dtype } = spec;
  return new CpuKernel(spec, (buffers, args) => {
    const [x, weight, out] = buffers as [CpuBuffer, CpuBuffer, CpuBuffer];
    geometry.read(args);
    const run = isThin(geometry) ? directConv : convolve;
    run(geometry, viewOf(x, dtype), viewOf(weight, dtype), viewOf(out, dtype), scratch);
  });
}

/** 1x1 over all places: windows are the input itself. */
function isPlainProduct({ kernel, stride, padding }: ConvAttrs): boolean {
  const isInPlace = padding.every(([low, high]) => low === 0 && high === 0);
  return isInPlace && [...kernel, ...stride].every((n) => n === 1);
}

export function convOverride(scratch: Scratch): Override {
  return {
    epilogue: false,
    supports: (inputs, attrs) => {
      if (isPlainProduct(attrs as ConvAttrs)) {
        return 'is a product as it stands: the decomposition copies nothing';
      }
      return convSupports(inputs, attrs as ConvAttrs);
    },
    words: (inputs, attrs) => {
      const [x, weight] = inputs.map(({ shape }) => shape);
      return convWords(attrs as ConvAttrs, x!.slice(2), weight!, x![0]!);
    },
    prepare: (spec) => prepareConv(spec, scratch),
  };
}

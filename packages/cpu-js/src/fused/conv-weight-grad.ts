/**
 * convWeightGrad as an implicit product: g [O/G, N·P] times windows [N·P, C/G·K], both packed in
 * place; the decomposition would store the windows, K times the input. Sums are in its order.
 * 8x64x56x56, 3x3, 64 out: 332 ms and 0.1 MB against 381 and 68 MB; 7x7 stride 2, 4x3x112x112: 49
 * against 63 ms. Depthwise 8x64x56x56: 13 against 30 ms.
 * Buffers: x [N, C, …], g [N, O, P…], out [O, C/G, K…]. Words: see convWords.
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
  packAt,
  roundUp,
  SLOT_A,
  SLOT_B,
  SLOT_TILE,
} from '../kernels/gemm.ts';
import { type CpuBuffer, type View, viewOf } from '../storage.ts';
import { directWeightGrad, isThin } from './direct.ts';
import { convSupports, convWords, Geometry, paddedRoom, padPlanes } from './geometry.ts';

/** Offsets of one block of windows in x (or its padded copies) and in g. */
const inX: Int32Array<ArrayBuffer> = new Int32Array(K_BLOCK);
const inG: Int32Array<ArrayBuffer> = new Int32Array(K_BLOCK);

/** One group, output channels first…first + count: all windows in blocks, then the store. */
class GroupProduct {
  private readonly g: Geometry;
  private readonly scratch: Scratch;
  private rows: Int32Array<ArrayBuffer> = new Int32Array(0);

  constructor(g: Geometry, scratch: Scratch) {
    this.g = g;
    this.scratch = scratch;
  }

  /** Offsets of the output channels of one group in g. */
  prepare(): void {
    const { outer, positions } = this.g;
    if (this.rows.length < outer) this.rows = new Int32Array(outer);
    for (let o = 0; o < outer; o++) this.rows[o] = o * positions;
  }

  run(group: number, first: number, count: number, x: View, cotangent: View, out: View): void {
    const { g, scratch } = this;
    const { batch, inner, outer, depth, positions } = g;
    const stride = roundUp(depth);
    const slots = Math.min(batch, Math.ceil(K_BLOCK / positions) + 1);
    const windows = g.isDirect ? x : paddedRoom(g, x, slots, scratch);
    const tile = scratch.wide(SLOT_TILE, roundUp(count) * stride);
    const at = g.offset(0, group, outer, positions);
    const base = g.isDirect ? g.offset(0, group, inner, g.elements) + g.start : 0;
    const imageG = g.groups * outer * positions;
    let image = -1;
    let p = positions;
    for (let k0 = 0; k0 < batch * positions; k0 += K_BLOCK) {
      const k = Math.min(K_BLOCK, batch * positions - k0);
      for (let i = 0; i < k; i++, p++) {
        if (p === positions) {
          p = 0;
          image++;
          const to = (image % slots) * g.image;
          const from = g.offset(image, group, inner, g.elements);
          if (!g.isDirect) padPlanes(g, x, from, inner, windows, to);
        }
        inX[i] = (g.isDirect ? image : image % slots) * g.image + g.places[p]!;
        inG[i] = image * imageG + p;
      }
      this.block(windows, base, cotangent, at, first, count, k, k0 === 0);
    }
    const to = (group * outer + first) * depth;
    for (let m = 0; m < count; m++) {
      for (let n = 0; n < depth; n++) out[to + m * depth + n] = tile[m * stride + n]!;
    }
  }

  private block(
    windows: View,
    base: number,
    cotangent: View,
    at: number,
    first: number,
    count: number,
    k: number,
    isFirst: boolean,
  ): void {
    const { g, scratch } = this;
    const { depth } = g;
    const stride = roundUp(depth);
    const tile = scratch.wide(SLOT_TILE, 1);
    const a = scratch.wide(SLOT_A, roundUp(count) * K_BLOCK);
    const b = scratch.wide(SLOT_B, N_BLOCK * K_BLOCK);
    packAt(cotangent, at, this.rows, first, count, inG, 0, k, a);
    for (let n0 = 0; n0 < depth; n0 += N_BLOCK) {
      const n = Math.min(N_BLOCK, depth - n0);
      packAt(windows, base, g.taps, n0, n, inX, 0, k, b);
      for (let m0 = 0; m0 < count; m0 += M_BLOCK) {
        const m = Math.min(M_BLOCK, count - m0);
        multiplyBlock(a, m0 * k, b, 0, m, n, k, tile, m0 * stride + n0, stride, isFirst);
      }
    }
  }
}

function prepareWeightGrad(spec: FusedSpec, scratch: Scratch): CpuKernel {
  const g = new Geometry(false);
  const product = new GroupProduct(g, scratch);
  return new CpuKernel(spec, (buffers, args) => {
    const [first, second, third] = buffers as [CpuBuffer, CpuBuffer, CpuBuffer];
    const x = viewOf(first, spec.dtype);
    const cotangent = viewOf(second, spec.dtype);
    const out = viewOf(third, spec.dtype);
    g.read(args);
    if (isThin(g)) {
      directWeightGrad(g, x, cotangent, out, scratch);
      return;
    }
    product.prepare();
    const most = Math.floor(KEPT_ELEMENTS / roundUp(g.depth)) & ~3;
    const rows = Math.min(g.outer, Math.max(4, most));
    for (let group = 0; group < g.groups; group++) {
      for (let m = 0; m < g.outer; m += rows) {
        product.run(group, m, Math.min(rows, g.outer - m), x, cotangent, out);
      }
    }
  });
}

export function convWeightGradOverride(scratch: Scratch): Override {
  return {
    epilogue: false,
    supports: (inputs, attrs) => convSupports(inputs, attrs as ConvAttrs),
    words: (inputs, attrs) => {
      const [x, g] = inputs.map(({ shape }) => shape);
      const own = attrs as ConvAttrs;
      return convWords(own, x!.slice(2), [g![1]!, x![1]! / own.groups], x![0]!);
    },
    prepare: (spec) => prepareWeightGrad(spec, scratch),
  };
}

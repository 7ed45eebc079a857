/**
 * matmul: C[b0,b1,m,n] = Σk A·B, then the epilogue on each finished block of accumulators (blocking
 * after Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", 2008).
 * args: B0 B1 M N K, A: offset sB0 sB1 sM sK, B: offset sB0 sB1 sK sN, the epilogue's words.
 */
import type { MatmulSpec } from '@tenon/core';
import { isIdentityRegion } from '@tenon/core';
import { CpuKernel, type Run } from '../kernel.ts';
import { type Epilogue, type Executor, prepareEpilogue } from '../region.ts';
import { type CpuBuffer, type View, viewOf } from '../storage.ts';
import {
  K_BLOCK,
  KEPT_ELEMENTS,
  M_BLOCK,
  multiplyBlock,
  N_BLOCK,
  pack,
  roundUp,
  SLOT_A,
  SLOT_B,
  SLOT_TILE,
} from './gemm.ts';
import { multiplyRow, type SkinnyRow } from './skinny.ts';

/** The epilogue's words start here. */
const EPILOGUE_WORDS = 15;
/** Columns of a skinny product in one go. */
const SKINNY_LENGTH = 2048;

/** The epilogue that only stores: C rounded by its own view. */
function storeEpilogue(spec: MatmulSpec): Epilogue {
  const word = EPILOGUE_WORDS + 4 + 5;
  const dtype = spec.dtype;
  return (buffers, args, tile, stride, b0, b1, m0, m1, n0, n1) => {
    const out = viewOf(buffers[2]!, dtype);
    const sM = args[word + 3]!;
    const sN = args[word + 4]!;
    const base = args[word]! + b0 * args[word + 1]! + b1 * args[word + 2]!;
    for (let m = m0; m < m1; m++) {
      const from = (m - m0) * stride;
      let to = base + m * sM + n0 * sN;
      const width = n1 - n0;
      if (sN === 1) for (let n = 0; n < width; n++) out[(to + n) | 0] = tile[(from + n) | 0]!;
      else {
        for (let n = 0; n < width; n++) {
          out[to] = tile[(from + n) | 0]!;
          to += sN;
        }
      }
    }
  };
}

/** One product per launch; fields instead of arguments keep the loops below readable. */
class Product {
  private readonly executor: Executor;
  private readonly epilogue: Epilogue;
  private readonly dtype: MatmulSpec['dtype'];
  private readonly row: SkinnyRow;
  private a: View;
  private b: View;

  constructor(spec: MatmulSpec, executor: Executor) {
    const { scratch } = executor;
    this.executor = executor;
    this.dtype = spec.dtype;
    this.epilogue = isIdentityRegion(spec.epilogue)
      ? storeEpilogue(spec)
      : prepareEpilogue(spec.epilogue, EPILOGUE_WORDS, 2, executor);
    const none = scratch.wide(SLOT_TILE, 1);
    this.a = none;
    this.b = none;
    this.row = {
      x: none,
      y: none,
      out: none,
      atX: 0,
      strideX: 0,
      atY: 0,
      strideK: 0,
      strideL: 0,
      depth: 0,
      length: 0,
      atOut: 0,
      strideOut: 0,
    };
  }

  run(buffers: readonly CpuBuffer[], args: Int32Array): void {
    this.a = viewOf(buffers[0]!, this.dtype);
    this.b = viewOf(buffers[1]!, this.dtype);
    const m = args[2]!;
    const n = args[3]!;
    if (m < 4 || n < 4) this.skinny(buffers, args);
    else this.blocked(buffers, args);
  }

  private skinny(buffers: readonly CpuBuffer[], args: Int32Array): void {
    const { scratch } = this.executor;
    const b1End = args[1]!;
    const m = args[2]!;
    const n = args[3]!;
    const isShortM = m < 4;
    const short = isShortM ? m : n;
    const long = isShortM ? n : m;
    const { row } = this;
    const block = scratch.wide(SLOT_A, SKINNY_LENGTH);
    const tile = scratch.wide(SLOT_TILE, Math.max(M_BLOCK * N_BLOCK, 4 * SKINNY_LENGTH));
    row.x = isShortM ? this.a : this.b;
    row.y = isShortM ? this.b : this.a;
    row.out = tile;
    row.depth = args[4]!;
    row.strideX = isShortM ? args[9]! : args[13]!;
    row.strideK = isShortM ? args[13]! : args[9]!;
    row.strideL = isShortM ? args[14]! : args[8]!;
    const strideS = isShortM ? args[8]! : args[14]!;
    for (let batch = 0; batch < args[0]! * b1End; batch++) {
      const b0 = Math.floor(batch / b1End);
      const b1 = batch - b0 * b1End;
      const atA = args[5]! + b0 * args[6]! + b1 * args[7]!;
      const atB = args[10]! + b0 * args[11]! + b1 * args[12]!;
      for (let l0 = 0; l0 < long; l0 += SKINNY_LENGTH) {
        const length = Math.min(SKINNY_LENGTH, long - l0);
        row.length = length;
        row.atY = (isShortM ? atB : atA) + l0 * row.strideL;
        row.strideOut = isShortM ? 1 : short;
        for (let s = 0; s < short; s++) {
          row.atX = (isShortM ? atA : atB) + s * strideS;
          row.atOut = isShortM ? s * length : s;
          multiplyRow(row, block);
        }
        if (isShortM) this.epilogue(buffers, args, tile, length, b0, b1, 0, m, l0, l0 + length);
        else this.epilogue(buffers, args, tile, short, b0, b1, l0, l0 + length, 0, n);
      }
    }
  }

  private blocked(buffers: readonly CpuBuffer[], args: Int32Array): void {
    const { scratch } = this.executor;
    const b1End = args[1]!;
    const m = args[2]!;
    const n = args[3]!;
    const depth = args[4]!;
    const keepsA = roundUp(m) * depth <= KEPT_ELEMENTS;
    const keepsB = roundUp(n) * depth <= KEPT_ELEMENTS;
    const a = scratch.wide(SLOT_A, keepsA ? roundUp(m) * depth : M_BLOCK * K_BLOCK);
    const b = scratch.wide(SLOT_B, keepsB ? roundUp(n) * depth : N_BLOCK * K_BLOCK);
    let packedA = -1;
    let packedB = -1;
    for (let batch = 0; batch < args[0]! * b1End; batch++) {
      const b0 = Math.floor(batch / b1End);
      const b1 = batch - b0 * b1End;
      const atA = args[5]! + b0 * args[6]! + b1 * args[7]!;
      const atB = args[10]! + b0 * args[11]! + b1 * args[12]!;
      if (keepsA && atA !== packedA) {
        this.packAll(this.a, atA, args[8]!, args[9]!, m, depth, a);
        packedA = atA;
      }
      if (keepsB && atB !== packedB) {
        this.packAll(this.b, atB, args[14]!, args[13]!, n, depth, b);
        packedB = atB;
      }
      for (let n0 = 0; n0 < n; n0 += N_BLOCK) {
        for (let m0 = 0; m0 < m; m0 += M_BLOCK) {
          this.block(buffers, args, b0, b1, keepsA ? -1 : atA, keepsB ? -1 : atB, m0, n0);
        }
      }
    }
  }

  /** A whole operand: for each block of k, all panels of it. */
  private packAll(
    from: View,
    at: number,
    strideRow: number,
    strideK: number,
    count: number,
    depth: number,
    to: Float64Array,
  ): void {
    for (let k0 = 0; k0 < depth; k0 += K_BLOCK) {
      const k = Math.min(K_BLOCK, depth - k0);
      pack(from, at + k0 * strideK, strideRow, strideK, count, k, to, roundUp(count) * k0);
    }
  }

  /** The block of C from (m0, n0); atA, atB: where to pack from, or -1 if packed whole. */
  private block(
    buffers: readonly CpuBuffer[],
    args: Int32Array,
    b0: number,
    b1: number,
    atA: number,
    atB: number,
    m0: number,
    n0: number,
  ): void {
    const { scratch } = this.executor;
    const depth = args[4]!;
    const m = Math.min(M_BLOCK, args[2]! - m0);
    const n = Math.min(N_BLOCK, args[3]! - n0);
    const stride = roundUp(n);
    const a = scratch.wide(SLOT_A, 1);
    const b = scratch.wide(SLOT_B, 1);
    const tile = scratch.wide(SLOT_TILE, Math.max(M_BLOCK * N_BLOCK, 4 * SKINNY_LENGTH));
    if (depth === 0) tile.fill(0);
    for (let k0 = 0; k0 < depth; k0 += K_BLOCK) {
      const k = Math.min(K_BLOCK, depth - k0);
      let pa = roundUp(args[2]!) * k0 + m0 * k;
      let pb = roundUp(args[3]!) * k0 + n0 * k;
      if (atA >= 0) {
        pa = 0;
        pack(this.a, atA + m0 * args[8]! + k0 * args[9]!, args[8]!, args[9]!, m, k, a, 0);
      }
      if (atB >= 0) {
        pb = 0;
        pack(this.b, atB + n0 * args[14]! + k0 * args[13]!, args[14]!, args[13]!, n, k, b, 0);
      }
      multiplyBlock(a, pa, b, pb, m, n, k, tile, 0, stride, k0 === 0);
    }
    this.epilogue(buffers, args, tile, stride, b0, b1, m0, m0 + m, n0, n0 + n);
  }
}

export function prepareMatmul(spec: MatmulSpec, executor: Executor): CpuKernel {
  const product = new Product(spec, executor);
  const run: Run = (buffers, args) => {
    product.run(buffers, args);
  };
  return new CpuKernel(spec, run);
}

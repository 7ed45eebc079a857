/**
 * matmul: C[b0,b1,m,n] = Σk A·B, then the epilogue on each finished block while it is in the cache.
 * args: B0 B1 M N K, A: offset sB0 sB1 sM sK, B: offset sB0 sB1 sK sN, the epilogue's words.
 */
import { DTypeError, isIdentityRegion, type MatmulSpec } from '@tenon/core';
import { prepareEpilogue } from '../codegen/region.ts';
import { type WasmBuffer, WasmKernel } from '../kernel.ts';
import type { Machine } from '../machine.ts';
import { MatmulPlan, type Matrix, SUM } from './matmul-plan.ts';

/** The epilogue's words start here in the launch words. */
const EPILOGUE_WORDS = 15;
/** Work that is worth a thread: about 10 µs. */
const PIECE_FLOPS = 400_000;

interface Epilogue {
  readonly fn: number;
  readonly operands: readonly { buffer: number; word: number; bytes: number }[];
  readonly words: number;
}

function makeEpilogue(spec: MatmulSpec, machine: Machine): Epilogue {
  const { fn, operands, words } = prepareEpilogue(spec.epilogue, machine);
  const placed = operands.map(({ buffer, word, bytes }) => ({
    buffer: buffer < 0 ? -1 : buffer + 2,
    word,
    // An index (iota) moves by its strides themselves.
    bytes: bytes === 0 ? 1 : bytes,
  }));
  return { fn, operands: placed, words };
}

/** Launches the product of a plan. Shared by matmul and linear. */
export class Multiplier {
  readonly plan: MatmulPlan;
  private readonly machine: Machine;
  private readonly multiply: number;
  private readonly epilogue: Epilogue | null;

  constructor(machine: Machine, dtype: 'f32' | 'f64', epilogue: Epilogue | null) {
    this.machine = machine;
    this.plan = new MatmulPlan(machine, dtype === 'f64' ? 8 : 4);
    this.multiply = machine.kernel(dtype === 'f64' ? 'matmulF64' : 'matmulF32');
    this.epilogue = epilogue;
  }

  /** Runs the decided plan. bias: byte address or 0, one element for each column of C. */
  run(workspace: number, bias: number, buffers: readonly WasmBuffer[], args: Int32Array): void {
    const { plan, machine } = this;
    const { isSwapped, size, slices } = plan;
    const { i32 } = machine;
    const at = machine.args >> 2;
    i32[at] = plan.b1;
    i32[at + 1] = plan.m;
    i32[at + 2] = plan.n;
    i32[at + 3] = plan.k;
    writeMatrix(i32, at + 4, plan.a);
    writeMatrix(i32, at + 9, plan.b);
    writeMatrix(i32, at + 14, plan.c);
    i32[at + 19] = plan.path;
    i32[at + 20] = plan.packsRows ? 1 : 0;
    i32[at + 21] = plan.mBlock;
    i32[at + 22] = plan.mBlocks;
    i32[at + 23] = plan.nBlock;
    i32[at + 24] = plan.nBlocks;
    i32[at + 25] = slices;
    i32[at + 26] = plan.sliceDepth;
    i32[at + 27] = workspace;
    i32[at + 28] = plan.batches;
    i32[at + 29] = bias;
    i32[at + 30] = isSwapped ? size : 0;
    i32[at + 31] = isSwapped ? 0 : size;
    i32[at + 32] = plan.isDirect ? 1 : 0;
    i32[at + 33] = isSwapped ? 1 : 0;
    this.writeEpilogue(i32, at + 34, buffers, args);
    const units = plan.batches * plan.mBlocks * plan.nBlocks;
    const unit = plan.cost(plan.mBlock, plan.nBlock, plan.sliceDepth);
    machine.run(this.multiply, machine.args, units * slices, Math.ceil(PIECE_FLOPS / unit));
    if (slices === 1) return;
    i32[at + 19] = SUM;
    const sum = 4 * plan.mBlock * plan.nBlock * slices;
    machine.run(this.multiply, machine.args, units, Math.ceil(PIECE_FLOPS / sum));
  }

  /** From word `at`: table index, counts, where each operand's words lie, the words. */
  private writeEpilogue(
    i32: Int32Array,
    at: number,
    buffers: readonly WasmBuffer[],
    args: Int32Array,
  ): void {
    const { epilogue } = this;
    i32[at] = 0;
    if (epilogue === null) return;
    const { operands, words } = epilogue;
    i32[at] = epilogue.fn;
    i32[at + 1] = words;
    i32[at + 2] = operands.length;
    const start = at + 3 + 2 * operands.length;
    for (let w = 0; w < words; w++) i32[start + w] = args[EPILOGUE_WORDS + w]!;
    for (let o = 0; o < operands.length; o++) {
      const { bytes, word, buffer } = operands[o]!;
      i32[at + 3 + 2 * o] = bytes;
      i32[at + 4 + 2 * o] = word;
      if (buffer >= 0) {
        i32[start + word] = buffers[buffer]!.address + args[EPILOGUE_WORDS + word]! * bytes;
      }
    }
  }
}

function writeMatrix(i32: Int32Array, at: number, matrix: Matrix): void {
  i32[at] = matrix.address;
  i32[at + 1] = matrix.s0;
  i32[at + 2] = matrix.s1;
  i32[at + 3] = matrix.row;
  i32[at + 4] = matrix.column;
}

/** Offset and strides from five launch words. */
function readMatrix(
  matrix: Matrix,
  address: number,
  args: Int32Array,
  at: number,
  size: number,
): void {
  matrix.address = address + args[at]! * size;
  matrix.s0 = args[at + 1]! * size;
  matrix.s1 = args[at + 2]! * size;
  matrix.row = args[at + 3]! * size;
  matrix.column = args[at + 4]! * size;
}

export function prepareMatmul(spec: MatmulSpec, machine: Machine): WasmKernel {
  const { dtype } = spec;
  if (dtype === 'f16') {
    throw new DTypeError('matmul: expected f32 or f64, got f16 (cast first)');
  }
  const isStored = isIdentityRegion(spec.epilogue);
  const epilogue = isStored ? null : makeEpilogue(spec, machine);
  const multiplier = new Multiplier(machine, dtype, epilogue);
  const { plan } = multiplier;
  const read = (args: Int32Array, a: number, b: number, c: number): void => {
    const { size } = plan;
    plan.b0 = args[0]!;
    plan.b1 = args[1]!;
    plan.m = args[2]!;
    plan.n = args[3]!;
    plan.k = args[4]!;
    plan.isStored = isStored;
    readMatrix(plan.a, a, args, 5, size);
    readMatrix(plan.b, b, args, 10, size);
    if (isStored) readMatrix(plan.c, c, args, EPILOGUE_WORDS + 9, size);
    plan.decide();
  };
  return new WasmKernel(
    spec,
    (buffers, args) => {
      read(args, buffers[0]!.address, buffers[1]!.address, isStored ? buffers[2]!.address : 0);
      const last = plan.workspace > 0 ? buffers[buffers.length - 1]!.address : 0;
      multiplier.run(last, 0, buffers, args);
    },
    (args) => {
      read(args, 0, 0, 0);
      return plan.workspace;
    },
  );
}

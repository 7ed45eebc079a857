/**
 * Opcodes of the operations that are one instruction per local, by kind: for scalar lanes and for
 * SIMD lanes. What takes more than one instruction is a method of the lane classes.
 */
import { OP, SIMD } from '../encoder/opcodes.ts';
import type { Kind } from './lanes.ts';

export type Operation =
  | 'add'
  | 'sub'
  | 'mul'
  | 'div'
  | 'neg'
  | 'abs'
  | 'sqrt'
  | 'floor'
  | 'ceil'
  | 'trunc'
  | 'nearest'
  | 'min'
  | 'max'
  | 'minU'
  | 'maxU'
  | 'pmin'
  | 'pmax'
  | 'eq'
  | 'ne'
  | 'lt'
  | 'le'
  | 'gt'
  | 'ge'
  | 'ltU'
  | 'leU'
  | 'and'
  | 'or'
  | 'xor'
  | 'not'
  | 'shl'
  | 'shrS'
  | 'shrU';

/** A missing kind: not one instruction in this mode. */
export type LaneTable = Readonly<Record<Operation, Readonly<Partial<Record<Kind, number>>>>>;

export const SCALAR_TABLE: LaneTable = {
  add: { f32: OP.f32Add, i32: OP.i32Add, f64: OP.f64Add, i64: OP.i64Add },
  sub: { f32: OP.f32Sub, i32: OP.i32Sub, f64: OP.f64Sub, i64: OP.i64Sub },
  mul: { f32: OP.f32Mul, i32: OP.i32Mul, f64: OP.f64Mul, i64: OP.i64Mul },
  div: { f32: OP.f32Div, f64: OP.f64Div },
  neg: { f32: OP.f32Neg, f64: OP.f64Neg },
  abs: { f32: OP.f32Abs, f64: OP.f64Abs },
  sqrt: { f32: OP.f32Sqrt, f64: OP.f64Sqrt },
  floor: { f32: OP.f32Floor, f64: OP.f64Floor },
  ceil: { f32: OP.f32Ceil, f64: OP.f64Ceil },
  trunc: { f32: OP.f32Trunc, f64: OP.f64Trunc },
  nearest: { f32: OP.f32Nearest, f64: OP.f64Nearest },
  min: { f32: OP.f32Min, f64: OP.f64Min },
  max: { f32: OP.f32Max, f64: OP.f64Max },
  minU: {},
  maxU: {},
  pmin: {},
  pmax: {},
  eq: { f32: OP.f32Eq, i32: OP.i32Eq, f64: OP.f64Eq, i64: OP.i64Eq },
  ne: { f32: OP.f32Ne, i32: OP.i32Ne, f64: OP.f64Ne, i64: OP.i64Ne },
  lt: { f32: OP.f32Lt, i32: OP.i32LtS, f64: OP.f64Lt, i64: OP.i64LtS },
  le: { f32: OP.f32Le, i32: OP.i32LeS, f64: OP.f64Le, i64: OP.i64LeS },
  gt: { f32: OP.f32Gt, i32: OP.i32GtS, f64: OP.f64Gt, i64: OP.i64GtS },
  ge: { f32: OP.f32Ge, i32: OP.i32GeS, f64: OP.f64Ge, i64: OP.i64GeS },
  ltU: { i32: OP.i32LtU },
  leU: { i32: OP.i32LeU },
  and: { i32: OP.i32And, i64: OP.i64And, mask: OP.i32And, mask64: OP.i32And },
  or: { i32: OP.i32Or, i64: OP.i64Or, mask: OP.i32Or, mask64: OP.i32Or },
  xor: { i32: OP.i32Xor, i64: OP.i64Xor, mask: OP.i32Xor, mask64: OP.i32Xor },
  not: { mask: OP.i32Eqz, mask64: OP.i32Eqz },
  shl: { i32: OP.i32Shl, i64: OP.i64Shl },
  shrS: { i32: OP.i32ShrS, i64: OP.i64ShrS },
  shrU: { i32: OP.i32ShrU, i64: OP.i64ShrU },
};

export const SIMD_TABLE: LaneTable = {
  add: { f32: SIMD.f32x4Add, i32: SIMD.i32x4Add, f64: SIMD.f64x2Add, i64: SIMD.i64x2Add },
  sub: { f32: SIMD.f32x4Sub, i32: SIMD.i32x4Sub, f64: SIMD.f64x2Sub, i64: SIMD.i64x2Sub },
  mul: { f32: SIMD.f32x4Mul, i32: SIMD.i32x4Mul, f64: SIMD.f64x2Mul, i64: SIMD.i64x2Mul },
  div: { f32: SIMD.f32x4Div, f64: SIMD.f64x2Div },
  neg: { f32: SIMD.f32x4Neg, i32: SIMD.i32x4Neg, f64: SIMD.f64x2Neg, i64: SIMD.i64x2Neg },
  abs: { f32: SIMD.f32x4Abs, i32: SIMD.i32x4Abs, f64: SIMD.f64x2Abs },
  sqrt: { f32: SIMD.f32x4Sqrt, f64: SIMD.f64x2Sqrt },
  floor: { f32: SIMD.f32x4Floor, f64: SIMD.f64x2Floor },
  ceil: { f32: SIMD.f32x4Ceil, f64: SIMD.f64x2Ceil },
  trunc: { f32: SIMD.f32x4Trunc, f64: SIMD.f64x2Trunc },
  nearest: { f32: SIMD.f32x4Nearest, f64: SIMD.f64x2Nearest },
  min: { f32: SIMD.f32x4Min, i32: SIMD.i32x4MinS, f64: SIMD.f64x2Min },
  max: { f32: SIMD.f32x4Max, i32: SIMD.i32x4MaxS, f64: SIMD.f64x2Max },
  minU: { i32: SIMD.i32x4MinU },
  maxU: { i32: SIMD.i32x4MaxU },
  pmin: { f32: SIMD.f32x4Pmin, f64: SIMD.f64x2Pmin },
  pmax: { f32: SIMD.f32x4Pmax, f64: SIMD.f64x2Pmax },
  eq: { f32: SIMD.f32x4Eq, i32: SIMD.i32x4Eq, f64: SIMD.f64x2Eq, i64: SIMD.i64x2Eq },
  ne: { f32: SIMD.f32x4Ne, i32: SIMD.i32x4Ne, f64: SIMD.f64x2Ne, i64: SIMD.i64x2Ne },
  lt: { f32: SIMD.f32x4Lt, i32: SIMD.i32x4LtS, f64: SIMD.f64x2Lt, i64: SIMD.i64x2LtS },
  le: { f32: SIMD.f32x4Le, i32: SIMD.i32x4LeS, f64: SIMD.f64x2Le, i64: SIMD.i64x2LeS },
  gt: { f32: SIMD.f32x4Gt, i32: SIMD.i32x4GtS, f64: SIMD.f64x2Gt, i64: SIMD.i64x2GtS },
  ge: { f32: SIMD.f32x4Ge, i32: SIMD.i32x4GeS, f64: SIMD.f64x2Ge, i64: SIMD.i64x2GeS },
  ltU: { i32: SIMD.i32x4LtU },
  leU: { i32: SIMD.i32x4LeU },
  and: { i32: SIMD.and, i64: SIMD.and, mask: SIMD.and, mask64: SIMD.and },
  or: { i32: SIMD.or, i64: SIMD.or, mask: SIMD.or, mask64: SIMD.or },
  xor: { i32: SIMD.xor, i64: SIMD.xor, mask: SIMD.xor, mask64: SIMD.xor },
  not: { i32: SIMD.not, i64: SIMD.not, mask: SIMD.not, mask64: SIMD.not },
  shl: { i32: SIMD.i32x4Shl, i64: SIMD.i64x2Shl },
  shrS: { i32: SIMD.i32x4ShrS, i64: SIMD.i64x2ShrS },
  shrU: { i32: SIMD.i32x4ShrU, i64: SIMD.i64x2ShrU },
};

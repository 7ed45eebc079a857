import { describe, expect, test } from 'vitest';
import { Bytes } from './bytes.ts';
import type { FunctionType } from './function.ts';
import { ModuleBuilder } from './module.ts';
import { OP, SIMD } from './opcodes.ts';

const UNARY: FunctionType = { params: ['i32'], results: ['i32'] };
const BINARY: FunctionType = { params: ['i32', 'i32'], results: ['i32'] };

function instantiate(
  module: ModuleBuilder,
  imports: Record<string, WebAssembly.ImportValue> = {},
): Record<string, (...args: number[]) => number> {
  const env = { memory: new WebAssembly.Memory({ initial: 1 }), ...imports };
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.finish()), { env });
  return instance.exports as Record<string, (...args: number[]) => number>;
}

const hex = (bytes: Iterable<number>): string =>
  Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join(' ');

describe('numbers', () => {
  test.each([
    [0, '00'],
    [127, '7f'],
    [128, '80 01'],
    [624485, 'e5 8e 26'],
    [2 ** 32 - 1, 'ff ff ff ff 0f'],
  ])('unsigned LEB128 of %d', (value, expected) => {
    expect(hex(new Bytes().u32(value).data)).toBe(expected);
  });

  test.each([
    [0, '00'],
    [63, '3f'],
    [64, 'c0 00'],
    [-64, '40'],
    [-65, 'bf 7f'],
    [-123456, 'c0 bb 78'],
    [2 ** 31 - 1, 'ff ff ff ff 07'],
    [-(2 ** 31), '80 80 80 80 78'],
  ])('signed LEB128 of %d, in 32 and in 64 bits', (value, expected) => {
    expect(hex(new Bytes().i32(value).data)).toBe(expected);
    expect(hex(new Bytes().i64(BigInt(value)).data)).toBe(expected);
  });

  test('signed LEB128 at the limits of 64 bits', () => {
    expect(hex(new Bytes().i64(2n ** 63n - 1n).data)).toBe('ff ff ff ff ff ff ff ff ff 00');
    expect(hex(new Bytes().i64(-(2n ** 63n)).data)).toBe('80 80 80 80 80 80 80 80 80 7f');
  });

  test('floats are little endian', () => {
    expect(hex(new Bytes().f32(1).data)).toBe('00 00 80 3f');
    expect(hex(new Bytes().f64(-2).data)).toBe('00 00 00 00 00 00 00 c0');
  });

  test('text is counted in bytes of UTF-8', () => {
    expect(hex(new Bytes().text('aµ').data)).toBe('03 61 c2 b5');
  });
});

describe('modules', () => {
  test('an addition, byte by byte', () => {
    const module = new ModuleBuilder({ shared: false });
    module.function(BINARY, 'add').get(0, 1).op(OP.i32Add);
    expect(hex(module.finish())).toBe(
      [
        '00 61 73 6d 01 00 00 00', // magic and version
        '01 07 01 60 02 7f 7f 01 7f', // type: (i32, i32) → i32
        '02 0f 01 03 65 6e 76 06 6d 65 6d 6f 72 79 02 00 00', // import env.memory
        '03 02 01 00', // function 0 has type 0
        '07 07 01 03 61 64 64 00 00', // export "add"
        '0a 09 01 07 00 20 00 20 01 6a 0b', // code
      ].join(' '),
    );
    expect(instantiate(module).add?.(2 ** 31 - 1, 1)).toBe(-(2 ** 31));
  });

  test('a shared module takes shared memory of any maximum, and no other', () => {
    const build = (shared: boolean): WebAssembly.Module => {
      const module = new ModuleBuilder({ shared });
      module.function(UNARY, 'load').get(0).memory(OP.i32Load, 4);
      return new WebAssembly.Module(module.finish());
    };
    for (const maximum of [1, 100, 65536]) {
      const memory = new WebAssembly.Memory({ initial: 1, maximum, shared: true });
      new Int32Array(memory.buffer)[3] = 42;
      const { exports } = new WebAssembly.Instance(build(true), { env: { memory } });
      expect((exports.load as (at: number) => number)(8)).toBe(42);
      expect(() => new WebAssembly.Instance(build(false), { env: { memory } })).toThrow(/shared/);
    }
  });

  test('calls find imports and functions that came later', () => {
    const module = new ModuleBuilder({ shared: false });
    const caller = module.function(UNARY, 'caller');
    const callee = module.function(UNARY);
    caller.get(0).op(OP.f64ConvertI32S).call(module.importMath('half', 1));
    caller.op(OP.i32TruncSatF64S).call(callee);
    callee.get(0).op(OP.f64ConvertI32S).i32(100).op(OP.f64ConvertI32S);
    callee.call(module.importMath('sum', 2)).op(OP.i32TruncSatF64S);
    expect(module.importNames).toEqual(['half', 'sum']);
    const exports = instantiate(module, {
      half: (x: number) => x / 2,
      sum: (x: number, y: number) => x + y,
    });
    expect(exports.caller?.(14)).toBe(107);
  });

  test('indirect calls go through the imported table', () => {
    const module = new ModuleBuilder({ shared: false });
    module.function(UNARY, 'square').get(0, 0).op(OP.i32Mul);
    module.function(BINARY, 'apply').get(1, 0).callIndirect(UNARY);
    const table = new WebAssembly.Table({ initial: 3, element: 'anyfunc' });
    const exports = instantiate(module, { table });
    table.set(2, exports.square);
    expect(exports.apply?.(2, 9)).toBe(81);
  });

  test('types and globals are shared; hoisted constants too', () => {
    const module = new ModuleBuilder({ shared: false });
    expect(module.typeIndex(UNARY)).toBe(0);
    expect(module.typeIndex(BINARY)).toBe(1);
    expect(module.typeIndex({ params: ['i32'], results: ['i32'] })).toBe(0);
    const pi = module.global('f64', [0x54442d18, 0x400921fb]);
    expect(module.global('f64', [0x54442d18, 0x400921fb])).toBe(pi);
    expect(module.global('f32', [0x54442d18])).not.toBe(pi);
    const f = module.function({ params: [], results: ['f64'] }, 'pi');
    const local = f.hoistGlobal(pi, 'f64');
    expect(f.hoistGlobal(pi, 'f64')).toBe(local);
    expect(f.hoistInteger('i32', 5n)).not.toBe(f.hoistInteger('i32', 6n));
    f.get(local);
    expect(instantiate(module).pi?.()).toBe(Math.PI);
  });

  test('constants of every type arrive with all their bits', () => {
    const module = new ModuleBuilder({ shared: false });
    const words = module.function({ params: [], results: ['i32', 'i32'] }, 'words');
    words.i64(-(2n ** 40n) + 9n).op(OP.i32WrapI64);
    words
      .i64(-(2n ** 40n) + 9n)
      .i64(32n)
      .op(OP.i64ShrS)
      .op(OP.i32WrapI64);
    const floats = module.function({ params: [], results: ['f32', 'f64'] }, 'floats');
    floats.f32(0.1).f64(0.1);
    const lanes = module.function({ params: [], results: ['i32', 'i32'] }, 'lanes');
    lanes.v128([1, -2, 3, -4]).lane(SIMD.i32x4Extract, 1);
    lanes.v128([1, 2, 3, 4]).v128([5, 6, 7, 8]);
    lanes.shuffle([28, 29, 30, 31, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    lanes.lane(SIMD.i32x4Extract, 0);
    const exports = instantiate(module);
    expect(exports.words?.()).toEqual([9, -256]);
    expect(exports.floats?.()).toEqual([Math.fround(0.1), 0.1]);
    expect(exports.lanes?.()).toEqual([-2, 8]);
    expect(() => lanes.shuffle([1, 2])).toThrow('encoder: shuffle takes 16 bytes, got 2');
  });
});

describe('control flow', () => {
  test('labels name blocks and loops across nesting', () => {
    const module = new ModuleBuilder({ shared: false });
    // Number of steps of n → n/2 or 3n + 1 until 1; -1 where n < 1.
    const f = module.function(UNARY, 'collatz');
    const steps = f.local('i32');
    f.i32(-1).set(steps);
    f.block((exit) => {
      f.get(0).i32(1).op(OP.i32LtS).brIf(exit);
      f.i32(0).set(steps);
      f.loop((next) => {
        f.get(0).i32(1).op(OP.i32Eq).brIf(exit);
        f.get(0).i32(1).op(OP.i32And);
        f.if(
          () => {
            f.get(0).i32(3).op(OP.i32Mul).i32(1).op(OP.i32Add).set(0);
            f.get(steps).i32(1).op(OP.i32Add).set(steps).br(next);
          },
          () => f.get(0).i32(1).op(OP.i32ShrU).set(0),
        );
        f.get(steps).i32(1).op(OP.i32Add).set(steps).br(next);
      });
    });
    f.get(steps);
    const { collatz } = instantiate(module);
    expect([0, 1, 2, 3, 6, 7, 27].map((n) => collatz?.(n))).toEqual([-1, 0, 1, 7, 8, 16, 111]);
  });

  test('more than 127 locals of mixed types keep their places', () => {
    const module = new ModuleBuilder({ shared: false });
    const f = module.function(UNARY, 'sum');
    const ints: number[] = [];
    for (let i = 0; i < 200; i++) {
      ints.push(f.local('i32'));
      if (i % 3 === 0) f.local('v128');
    }
    ints.forEach((local, i) => {
      f.i32(i).set(local);
    });
    f.get(0);
    for (const local of ints) f.get(local).op(OP.i32Add);
    expect(instantiate(module).sum?.(5)).toBe(5 + (199 * 200) / 2);
    expect(f.localType(ints[1] ?? 0)).toBe('i32');
    expect(() => f.localType(1e6)).toThrow('encoder: local 1000000 does not exist');
  });

  test('recycled locals serve again, those of the value and hoisted ones do not', () => {
    const module = new ModuleBuilder({ shared: false });
    const f = module.function(UNARY, 'id');
    const made: number[] = [];
    const make = (): number => made[made.push(f.local('i32')) - 1]!;
    const value = f.recycled(() => {
      const inner = f.recycled(() => ({ locals: [make(), make()] }));
      const constant = f.hoistInteger('i32', 7n);
      make();
      f.local('f64');
      return { locals: [inner.locals[1]!, constant] };
    });
    expect(made).toEqual([1, 2, 4]);
    expect(value.locals).toEqual([2, 3]);
    // 1 and 4 are free, and so is the f64 local 5.
    expect([f.local('i32'), f.local('i32')].sort()).toEqual([1, 4]);
    expect([f.local('f64'), f.local('i32')]).toEqual([5, 6]);
    f.get(0);
    expect(instantiate(module).id?.(3)).toBe(3);
  });
});

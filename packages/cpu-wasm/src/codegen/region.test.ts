import type { DType, ReduceName, Step } from '@tenon/core';
import { describe, expect, test } from 'vitest';
import type { LaneMode } from './lanes.ts';
import { MODES, missing } from './lanes-test-support.ts';
import { prepareEpilogue } from './region.ts';
import { randomRegion } from './region-random.ts';
import {
  constant,
  type Data,
  load,
  numbers,
  op,
  picker,
  reduce,
  runHere,
  runThere,
  specOf,
  type TestRegion,
  TinyMachine,
  wordsOf,
} from './region-test-support.ts';

/** -0 and 0 are not told apart here: the scalar table has its own tests. */
const plain = (results: readonly Data[]): number[][] =>
  results.map((data) => Array.from(data, (v) => v + 0));

const machines = MODES.filter((mode) => missing(mode) === null).map(
  (mode) => new TinyMachine(mode),
);

function check(region: TestRegion): void {
  const want = plain(runThere(region));
  for (const machine of machines) {
    expect(plain(runHere(machine, region)), machine.variant).toEqual(want);
  }
}

/** All sizes around tails of vectors and groups. */
const TAILS = [...Array.from({ length: 20 }, (_, i) => i + 1), 63, 64, 65, 127, 128, 129, 1000];

describe('maps', () => {
  test('sizes around tails: an output of 77s beyond the end stays', () => {
    for (const n of TAILS) {
      check({
        kept: [n],
        reduced: [],
        inputs: [
          { dtype: 'f32', data: numbers(n), strides: [1] },
          { dtype: 'f32', data: numbers(2 * n, 2), strides: [2] },
          { dtype: 'f32', data: [3], strides: [0] },
        ],
        outputs: [
          { step: 4, dtype: 'f32', strides: [1], length: n + 5 },
          { step: 3, dtype: 'f32', strides: [-2], offset: 2 * n - 2, length: 2 * n + 5 },
        ],
        steps: [load(0), load(1), load(2), op('add', 0, 1), op('mul', 3, 2)],
      });
    }
  });

  test('fill, iota and constants of every dtype; bools are 0 and 1', () => {
    for (const dtype of ['f32', 'f64', 'i32', 'u32', 'bool'] as const) {
      const value = dtype === 'bool' ? 1 : dtype === 'u32' ? 4_000_000_000 : -5;
      check({
        kept: [3, 7],
        reduced: [],
        inputs: [{ dtype, data: null, strides: [2, -1], offset: 3 }],
        constants: [
          { dtype: 'f32', value: 9 },
          { dtype, value },
        ],
        outputs: [
          { step: 0, dtype, strides: [7, 1], length: 21 },
          { step: 1, dtype, strides: [7, 1], length: 21 },
        ],
        steps: [load(0, dtype), constant(1, dtype)],
      });
    }
  });

  test('masks: comparisons, logic and select in one region', () => {
    const from = 'f32' as const;
    const logic = (name: 'and' | 'not', ...args: number[]): Step => {
      return { op: name, args, dtype: 'bool', from: 'bool' };
    };
    check({
      kept: [4, 9],
      reduced: [],
      inputs: [
        { dtype: 'f32', data: numbers(36), strides: [9, 1] },
        { dtype: 'bool', data: numbers(36, 4).map((v) => Number(v > 0)), strides: [1, 4] },
      ],
      constants: [{ dtype: 'f32', value: 1 }],
      outputs: [
        { step: 5, dtype: 'bool', strides: [9, 1], length: 36 },
        { step: 6, dtype: 'f32', strides: [9, 1], length: 36 },
      ],
      steps: [
        load(0),
        load(1, 'bool'),
        constant(0),
        { op: 'lt', args: [0, 2], dtype: 'bool', from },
        logic('not', 1),
        logic('and', 3, 4),
        { op: 'select', args: [5, 0, 2], dtype: 'f32', from },
      ],
    });
  });

  test('in place: outputs over their inputs, with tails', () => {
    for (const n of [1, 5, 16, 39]) {
      check({
        kept: [2, n],
        reduced: [],
        inputs: [
          { dtype: 'f32', data: numbers(2 * n), strides: [n, 1] },
          { dtype: 'f32', data: numbers(2 * n, 3), strides: [1, 2] },
        ],
        outputs: [
          { step: 2, dtype: 'f32', strides: [n, 1], length: 2 * n, alias: 0 },
          { step: 3, dtype: 'f32', strides: [1, 2], length: 2 * n, alias: 1 },
        ],
        steps: [load(0), load(1), op('add', 0, 1), op('sub', 0, 1)],
      });
    }
  });

  test('transposed operands and results, whole tiles and edges', () => {
    for (const [a, b, c] of [
      [1, 16, 16],
      [2, 5, 4],
      [3, 33, 19],
      [2, 17, 70],
      [5, 3, 9],
    ] as const) {
      const total = a * b * c;
      const turned = { dtype: 'f32' as const, data: numbers(total), strides: [b * c, 1, b] };
      const far = { dtype: 'f32' as const, data: numbers(total, 2), strides: [1, a * c, a] };
      const straight = { dtype: 'f32' as const, data: numbers(total, 3), strides: [b * c, c, 1] };
      const iota = { dtype: 'f32' as const, data: null, strides: [0, 1, 100] };
      const steps = [load(0), load(1), op('add', 0, 1), load(2), op('sub', 2, 3)];
      for (const strides of [straight.strides, turned.strides, far.strides]) {
        for (const inputs of [
          [turned, straight, iota],
          [far, turned, iota],
          [straight, straight, far],
        ]) {
          const outputs = [{ step: 4, dtype: 'f32' as const, strides, length: total }];
          check({ kept: [a, b, c], reduced: [], inputs, outputs, steps });
        }
      }
    }
  });
});

/** Rows (axis 1) or columns (axis 0) of a matrix. */
function matrix(
  axis: 0 | 1,
  rows: number,
  columns: number,
): Pick<TestRegion, 'kept' | 'reduced'> & {
  strides: number[];
} {
  if (axis === 1) return { kept: [rows], reduced: [columns], strides: [columns, 1] };
  return { kept: [columns], reduced: [rows], strides: [1, columns] };
}

function reductionOf(
  axis: 0 | 1,
  rows: number,
  columns: number,
  reducer: ReduceName,
  dtype: DType,
  data: Iterable<number>,
): TestRegion {
  const { strides, ...sizes } = matrix(axis, rows, columns);
  return {
    ...sizes,
    inputs: [{ dtype, data, strides }],
    outputs: [{ step: 1, dtype, strides: [1, 0], length: sizes.kept[0]! + 3 }],
    steps: [load(0, dtype), reduce(reducer, 0, dtype)],
  };
}

describe('reductions', () => {
  test('every reducer and dtype, both orders, sizes around tails', () => {
    for (const reducer of ['sum', 'prod', 'max', 'min'] as const) {
      for (const dtype of ['f32', 'f64', 'i32', 'u32', 'bool'] as const) {
        for (const axis of [0, 1] as const) {
          for (const [rows, columns] of [
            [1, 1],
            [3, 5],
            [9, 16],
            [17, 67],
          ] as const) {
            const data = numbers(rows * columns).map((v) => {
              if (dtype === 'bool') return Number(v > -3);
              const whole = reducer === 'prod' ? (v * 4) % 3 : v * 4;
              return dtype === 'u32' ? Math.abs(whole) : whole;
            });
            if (dtype === 'bool' && (reducer === 'sum' || reducer === 'prod')) continue;
            check(reductionOf(axis, rows, columns, reducer, dtype, data));
          }
        }
      }
    }
  });

  test('a NaN first, in the middle or last; zeros of either sign; infinities', () => {
    for (const reducer of ['sum', 'prod', 'max', 'min'] as const) {
      for (const axis of [0, 1] as const) {
        for (const n of [1, 2, 5, 16, 17, 70]) {
          for (const at of new Set([0, n >> 1, n - 1])) {
            for (const special of [Number.NaN, -0, 0, Infinity, -Infinity]) {
              const zero = reducer === 'max' ? -0 : 0;
              const data = Array.from({ length: n }, (_, i) => (i === at ? special : zero));
              const [rows, columns] = axis === 1 ? [1, n] : [n, 1];
              const region = reductionOf(axis, rows, columns, reducer, 'f32', data);
              const [want] = runThere(region);
              for (const machine of machines) {
                expect(Object.is(runHere(machine, region)[0]![0], want![0])).toBe(true);
              }
            }
          }
        }
      }
    }
  });

  test('sums err by less than pairwise summation, also when long and cut into parts', () => {
    const cases: readonly (readonly [0 | 1, number, number])[] = [
      [1, 1, 300_000],
      [1, 3, 70_000],
      [1, 40, 5_000],
      [0, 40_000, 7],
      [0, 3_000, 130],
    ];
    for (const [axis, rows, columns] of cases) {
      const pick = picker(5);
      const data = Float32Array.from(
        { length: rows * columns },
        () => pick(1 << 24) / 2 ** 24 - 0.3,
      );
      const region = reductionOf(axis, rows, columns, 'sum', 'f32', data);
      const kept = region.kept[0]!;
      const want = new Float64Array(kept);
      const size = new Float64Array(kept);
      data.forEach((value, i) => {
        const at = axis === 1 ? Math.floor(i / columns) : i % columns;
        want[at]! += value;
        size[at]! += Math.abs(value);
      });
      const bound = (Math.log2(region.reduced[0]!) / 2 + 0.5) * 2 ** -23;
      for (const machine of machines) {
        const [got] = runHere(machine, region);
        for (let i = 0; i < kept; i++) {
          expect(Math.abs(got![i]! - want[i]!) / size[i]!).toBeLessThan(bound);
        }
      }
    }
  });

  test('16,777,217 and more ones', () => {
    const region: TestRegion = {
      kept: [1],
      reduced: [5, 5_000_000],
      inputs: [{ dtype: 'f32', data: [1], strides: [0, 0, 0], domain: 'full' }],
      outputs: [{ step: 1, dtype: 'f32', strides: [0, 0, 0], length: 1 }],
      steps: [load(0), reduce('sum', 0)],
    };
    for (const machine of machines) expect(runHere(machine, region)[0]![0]).toBe(25_000_000);
  });
});

/** Softmax, along rows or columns: three dependent phases, a costly value kept in scratch. */
function softmax(axis: 0 | 1, rows: number, columns: number): TestRegion {
  const { strides, ...sizes } = matrix(axis, rows, columns);
  return {
    ...sizes,
    inputs: [{ dtype: 'f32', data: numbers(rows * columns, 9), strides }],
    outputs: [{ step: 5, dtype: 'f32', strides, length: rows * columns, domain: 'full' }],
    steps: [
      load(0),
      reduce('max', 0),
      op('sub', 0, 1),
      op('exp', 2),
      reduce('sum', 3),
      op('div', 3, 4),
    ],
  };
}

describe('phases', () => {
  test('softmax, kept in scratch and computed again where a row is too long for it', () => {
    for (const axis of [0, 1] as const) {
      for (const n of [1, 7, 64, 1000, 300_000]) {
        const [rows, columns] = axis === 1 ? [2, n] : [n, 2];
        const { inputs, ...region } = softmax(axis, rows, columns);
        const data = [...inputs[0]!.data!];
        const places = data.map((_, i) => (axis === 1 ? Math.floor(i / n) : i % 2));
        const total = [0, 0];
        data.forEach((x, i) => {
          total[places[i]!]! += Math.exp(x);
        });
        for (const machine of machines) {
          const [got] = runHere(machine, { ...region, inputs });
          let worst = 0;
          data.forEach((x, i) => {
            const want = Math.exp(x) / total[places[i]!]!;
            worst = Math.max(worst, Math.abs(got![i]! - want) / want);
          });
          expect(worst).toBeLessThan(4 * 2 ** -23);
        }
      }
    }
  });
});

test('softmax over two axes that do not merge, kept in scratch', () => {
  const [kept, a, b] = [3, 4, 21];
  const strides = [b, kept * b, 1];
  const region: TestRegion = {
    ...softmax(1, kept, a * b),
    kept: [kept],
    reduced: [a, b],
    inputs: [{ dtype: 'f32', data: numbers(kept * a * b, 9), strides }],
    outputs: [{ step: 5, dtype: 'f32', strides, length: kept * a * b, domain: 'full' }],
  };
  const [want] = runThere(region);
  for (const machine of machines) {
    const [got] = runHere(machine, region);
    let worst = 0;
    want!.forEach((value, i) => {
      worst = Math.max(worst, Math.abs(got![i]! - value) / value);
    });
    expect(worst).toBeLessThan(4 * 2 ** -23);
  }
});

test('a hundred costly steps: locals do not run out', () => {
  const n = 100;
  const chain = Array.from({ length: n }, (_, i): Step => op('sin', i));
  const data = numbers(64, 4);
  for (const strides of [
    [8, 1],
    [1, 8],
  ]) {
    const region: TestRegion = {
      kept: [8],
      reduced: [8],
      inputs: [{ dtype: 'f32', data, strides }],
      outputs: [{ step: n + 1, dtype: 'f32', strides: [1, 0], length: 8 }],
      steps: [load(0), ...chain, reduce('sum', n)],
    };
    const [want] = runThere(region);
    for (const machine of machines) {
      const [got] = runHere(machine, region);
      got!.forEach((value, i) => {
        expect(Math.abs(value - want![i]!)).toBeLessThan(1e-4);
      });
    }
  }
});

describe('random regions', () => {
  test('equal cpu-js on exact programs', () => {
    const pick = picker(11);
    for (let i = 0; i < 400; i++) check(randomRegion(pick));
  });
});

describe('pieces', () => {
  test('any cut of the units gives the same bits', () => {
    const pick = picker(3);
    const regions = [
      softmax(1, 37, 101),
      softmax(0, 50, 400),
      reductionOf(1, 2, 90_000, 'sum', 'f32', numbers(180_000).map(Math.sin)),
      reductionOf(0, 30_000, 9, 'sum', 'f32', numbers(270_000).map(Math.sin)),
      reductionOf(1, 1, 100_000, 'sum', 'f64', numbers(100_000).map(Math.sin)),
      ...Array.from({ length: 60 }, () => randomRegion(pick)),
    ];
    for (const region of regions) {
      for (const machine of machines) {
        machine.cut = (total) => [total];
        const whole = runHere(machine, region);
        for (const size of [1, 3]) {
          machine.cut = (total) =>
            Array.from({ length: Math.ceil(total / size) }, (_, i) =>
              Math.min(total, size * (i + 1)),
            );
          expect(runHere(machine, region)).toEqual(whole);
        }
        machine.cut = (total) => [total];
      }
    }
  });
});

describe('compilation', () => {
  test('another size compiles nothing; a shape that sizes call for is compiled once', () => {
    const machine = new TinyMachine('scalar');
    runHere(machine, reductionOf(1, 4, 100, 'sum', 'f32', numbers(400)), 3);
    expect(machine.defined).toBe(1);
    runHere(machine, reductionOf(1, 1, 100_000, 'sum', 'f32', numbers(100_000)), 3);
    expect(machine.defined).toBe(2);
  });
});

describe('epilogues', () => {
  function apply(mode: LaneMode): number[] {
    const machine = new TinyMachine(mode);
    const [m, n] = [3, 7];
    const region: TestRegion = {
      kept: [1, 1, m, n],
      reduced: [],
      inputs: [
        { dtype: 'f32', data: [], strides: [0, 0, 0, 0] },
        { dtype: 'f32', data: [], strides: [0, 0, 0, 1] },
      ],
      outputs: [{ step: 4, dtype: 'f32', strides: [0, 0, 10, 1], length: 10 * m }],
      constants: [{ dtype: 'f32', value: 2 }],
      steps: [load(0), load(1), op('add', 0, 1), constant(0), op('mul', 2, 3)],
    };
    const { fn, operands, words } = prepareEpilogue(specOf(region), machine);
    expect(operands.map(({ buffer, bytes }) => [buffer, bytes])).toEqual([
      [-1, 4],
      [0, 4],
      [1, 4],
    ]);
    const block = wordsOf(region);
    expect(words).toBe(block.length);
    const tile = machine.put(Float32Array.from(numbers(8 * m, 6)));
    const bias = machine.put(Float32Array.from(numbers(n, 5)));
    const out = machine.put(new Float32Array(10 * m));
    block.set([tile.address, 0, 0, 8, 1], operands[0]!.word);
    block[operands[1]!.word] = bias.address;
    block[operands[2]!.word] = out.address;
    machine.i32.set(block, machine.args / 4);
    machine.run(fn, machine.args, m);
    return Array.from(machine.get('f32', out));
  }

  test('a block: (accumulator + bias) · 2, with the strides of tile and result', () => {
    const [m, n] = [3, 7];
    const tile = numbers(8 * m, 6);
    const bias = numbers(n, 5);
    const want = new Array<number>(10 * m).fill(0);
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) want[10 * i + j] = (tile[8 * i + j]! + bias[j]!) * 2;
    }
    for (const { variant } of machines) expect(apply(variant as LaneMode)).toEqual(want);
  });
});

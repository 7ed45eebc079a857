// The ceiling of plain JavaScript arithmetic on this machine: the largest multiply-add rate over a
// sweep of accumulator counts and unrolling. Values stay in registers, in doubles: rounding each
// step to f32 was four times slower in V8 (2.9 against 12.7 GFLOP/s), so it never is the ceiling.
// Generated code, so that the accumulators are locals and the compiler cannot see the constants.

const ACCUMULATORS = [8, 10, 12, 13, 14] as const;
const UNROLLS = [1, 2, 4, 8] as const;
const STEPS = 200_000;
const REPEATS = 7;

type Loop = (steps: number, scale: number, shift: number) => number;

function makeLoop(accumulators: number, unroll: number): Loop {
  const names = Array.from({ length: accumulators }, (_, i) => `a${i}`);
  const step = names.map((a) => `${a} = ${a} * s + b;`).join(' ');
  const source = `
    let ${names.map((a, i) => `${a} = ${i / 8}`).join(', ')};
    for (let i = 0; i < n; i += ${unroll}) { ${step.repeat(unroll)} }
    return ${names.join(' + ')};`;
  return new Function('n', 's', 'b', source) as Loop;
}

function rate(accumulators: number, unroll: number): number {
  const loop = makeLoop(accumulators, unroll);
  let best = 0;
  let sink = 0;
  for (let i = 0; i < REPEATS; i++) {
    const start = performance.now();
    sink += loop(STEPS, 0.999, 0.001);
    const seconds = (performance.now() - start) / 1000;
    best = Math.max(best, (2 * accumulators * STEPS) / seconds / 1e9);
  }
  if (!Number.isFinite(sink)) throw new Error('limits: the loop diverged');
  return best;
}

/** Peak of scalar multiply and add in JavaScript, GFLOP/s; takes about 0.1 s. */
export function measureJsScalarPeak(): number {
  const rates = ACCUMULATORS.flatMap((count) => UNROLLS.map((unroll) => rate(count, unroll)));
  return Math.max(...rates);
}

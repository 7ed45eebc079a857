// What program.js must give, worked out in plain float64, and the comparison with what it gave.

export interface Result {
  readonly variant: string;
  readonly threads: number;
  readonly notes: readonly string[];
  readonly product: readonly number[];
  readonly losses: readonly number[];
  readonly large: number;
}

/** What a consumer should say about itself. */
export interface Expectation {
  /** Whether more than one thread runs. */
  readonly isThreaded: boolean;
  readonly variant: RegExp;
  /** Found in one of the notes. */
  readonly note: RegExp;
}

function expectedProduct(): number[] {
  const [m, k, n] = [70, 33, 45];
  return Array.from({ length: m * n }, (_, at) => {
    const row = Math.floor(at / n);
    const column = at % n;
    let sum = 0;
    for (let i = 0; i < k; i++) {
      sum += (((row * k + i) % 13) - 6) * (((i * n + column) % 7) - 3);
    }
    return sum;
  });
}

function expectedLosses(): number[] {
  const x = [-1, 0, 1, 2];
  const y = [-3, -1, 1, 3];
  let weight = 0;
  let bias = 0;
  return Array.from({ length: 20 }, () => {
    const errors = x.map((value, i) => value * weight + bias - (y[i] ?? Number.NaN));
    const mean = (values: number[]): number => values.reduce((sum, v) => sum + v, 0) / 4;
    const loss = mean(errors.map((error) => error * error));
    weight -= 0.1 * mean(errors.map((error, i) => 2 * error * (x[i] ?? Number.NaN)));
    bias -= 0.1 * mean(errors.map((error) => 2 * error));
    return loss;
  });
}

const close = (got: number | undefined, want: number): boolean =>
  got !== undefined && Math.abs(got - want) <= 1e-5 * Math.abs(want) + 1e-6;

/** What is wrong with a result, one line each. */
export function problemsOf(result: Result, expected: Expectation): string[] {
  const problems: string[] = [];
  const product = expectedProduct();
  if (result.product.length !== product.length || result.product.some((v, i) => v !== product[i])) {
    problems.push('the product is wrong');
  }
  const losses = expectedLosses();
  if (losses.some((loss, i) => !close(result.losses[i], loss))) {
    problems.push(`losses: expected ${losses.slice(0, 3)}, …, got ${result.losses.slice(0, 3)}, …`);
  }
  if (result.large !== 4_000_000) problems.push(`the sum: expected 4000000, got ${result.large}`);
  if (result.threads > 1 !== expected.isThreaded) {
    problems.push(
      `threads: expected ${expected.isThreaded ? 'several' : 'one'}, got ${result.threads}`,
    );
  }
  if (!expected.variant.test(result.variant)) {
    problems.push(`variant: expected ${expected.variant}, got ${result.variant}`);
  }
  if (!result.notes.some((note) => expected.note.test(note))) {
    problems.push(`notes: expected ${expected.note} in one of ${JSON.stringify(result.notes)}`);
  }
  return problems;
}

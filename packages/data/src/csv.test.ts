import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { FormatError, ShapeError, ValueError } from '@tenon/core';
import { describe, expect, test } from 'vitest';
import { parseCsv } from './csv.ts';
import { type CsvDatasetOptions, csvDataset } from './csv-dataset.ts';

describe('parseCsv', () => {
  test('reads quotes, line breaks in cells and blank lines, and keeps line numbers', async () => {
    const text = 'a,b\r\n1,"x, ""y"""\r\n\r\n"two\r\nlines",3\r\n5,6\r\n';
    const table = await parseCsv(text);
    expect(table.columns).toEqual(['a', 'b']);
    expect(table.rows).toEqual([
      ['1', 'x, "y"'],
      ['two\r\nlines', '3'],
      ['5', '6'],
    ]);
    expect(table.lines).toEqual(Int32Array.of(2, 4, 6));
  });

  test('takes other delimiters, a byte order mark, and no header', async () => {
    const table = await parseCsv('\ufeff1;2\n3;4', { delimiter: ';', header: false });
    expect(table.columns).toEqual(['0', '1']);
    expect(table.rows).toEqual([
      ['1', '2'],
      ['3', '4'],
    ]);
  });

  test.each([
    ['a,b\n1,2\n3\n', 'parseCsv: 2 cells were expected on line 3, as on line 1, got 1'],
    ['a,b\n"1\n",2\n3,4,5', 'parseCsv: 2 cells were expected on line 4, as on line 1, got 3'],
    ['a,b\n1,"2\n', 'parseCsv: well-formed CSV was expected, got an error on line 2: Quoted field'],
    ['', 'parseCsv: at least one row was expected, got empty text'],
    ['a,a\n1,2', "parseCsv: column names that differ were expected on line 1, got 'a' twice"],
  ])('throws a FormatError for %j', async (text, message) => {
    await expect(parseCsv(text)).rejects.toThrow(FormatError);
    await expect(parseCsv(text)).rejects.toThrow(message);
  });
});

const flowers = 'id,length,width,kind\n7,1.5,-2e1,rose\n8,.25, 4 ,iris\n9,0,1,rose\n';

describe('csvDataset', () => {
  test('csvDataset counts positions from the end where they are negative', async () => {
    const text = 'k,x,y\na,1,2\nb,3,4\n';
    const set = await csvDataset({ text }, { label: -3, columns: [-1, 'x'] });
    expect(set.classes).toEqual(['a', 'b']);
    expect(set.get(1)[0].data).toEqual(Float32Array.of(4, 3));
    await expect(csvDataset({ text }, { label: -4 })).rejects.toThrow(ValueError);
  });

  test('csvDataset needs an input column', async () => {
    await expect(csvDataset({ text: 'x;k\n1;a\n' }, { label: -1 })).rejects.toThrow(
      new ShapeError(
        'csvDataset: at least one input column was expected besides the label, got the columns ' +
          '[x;k] (is the delimiter right?)',
      ),
    );
  });

  test('by default every column but the label is input, classes are sorted names', async () => {
    const set = await csvDataset({ text: flowers }, { label: 'kind' });
    expect(set.classes).toEqual(['iris', 'rose']);
    expect(set.labels).toEqual(Int32Array.of(1, 0, 1));
    expect(set.get(1)).toEqual([
      { data: Float32Array.of(8, 0.25, 4), shape: [3] },
      { data: Int32Array.of(0), shape: [] },
    ]);
  });

  test('selects and orders columns, by name or position, and reshapes', async () => {
    const options: CsvDatasetOptions & { label: number } = {
      columns: ['width', 1],
      label: 3,
      classes: ['rose', 'iris', 'lily'],
      shape: [1, 2],
    };
    const set = await csvDataset({ text: flowers }, options);
    expect(set.get(0)[0]).toEqual({ data: Float32Array.of(-20, 1.5), shape: [1, 2] });
    expect(set.labels).toEqual(Int32Array.of(0, 1, 0));
  });

  test('numeric class names sort as numbers and need not be indices', async () => {
    const set = await csvDataset({ text: 'x,y\n1,10\n2,9\n3,-1\n' }, { label: 'y' });
    expect(set.classes).toEqual(['-1', '9', '10']);
    expect(set.labels).toEqual(Int32Array.of(2, 1, 0));
  });

  test('a numeric target is f32, without labels', async () => {
    const set = await csvDataset(
      { text: flowers },
      {
        columns: ['length'],
        label: 'width',
        target: 'number',
      },
    );
    expect(set.get(0)[1]).toEqual({ data: Float32Array.of(-20), shape: [] });
    expect(set.labels).toBeUndefined();
  });

  test('no label: inputs only', async () => {
    const set = await csvDataset({ text: '1\n2' }, { header: false });
    expect(set.get(1)).toEqual([{ data: Float32Array.of(2), shape: [1] }]);
  });

  test('reads files, gzipped ones and bytes', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tenon-csv-'));
    try {
      const path = join(folder, 'flowers.csv.gz');
      await writeFile(path, gzipSync(flowers));
      expect((await csvDataset(path, { label: 'kind' })).length).toBe(3);
      const bytes = new TextEncoder().encode(flowers);
      expect((await csvDataset(bytes, { label: 'kind' })).length).toBe(3);
      const missing = csvDataset(join(folder, 'none.csv'));
      await expect(missing).rejects.toThrow('csvDataset: a readable file was expected at');
      const latin = csvDataset(Uint8Array.of(97, 10, 0xe9, 10));
      await expect(latin).rejects.toThrow(
        new FormatError('csvDataset: UTF-8 text was expected in the bytes given, got other bytes'),
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test.each([
    [
      'a missing input',
      'a,b\n1,2\n,4\n',
      {},
      FormatError,
      "csvDataset: a finite number was expected on line 3, column 'a', got a missing value ('')",
    ],
    ['a missing input spelt out', 'a,b\n1,NaN\n', {}, FormatError, "got a missing value ('NaN')"],
    ['a lone blank line', 'a\n1\n\n3\n', {}, FormatError, "on line 3, column 'a', got a missing"],
    [
      'a word among inputs, after a cell of two lines',
      'a,b\n"1\n",2\n3,x\n',
      {},
      FormatError,
      "a finite number was expected on line 4, column 'b', got 'x'",
    ],
    ['hexadecimal', 'a\n0x10\n', {}, FormatError, "got '0x10'"],
    ['a number above f32', 'a\n1e39\n', {}, FormatError, "got '1e39'"],
    ['infinity', 'a\nInfinity\n', {}, FormatError, "got 'Infinity'"],
    [
      'a NaN label',
      'a,y\n1,0\n2,nan\n',
      { label: 'y' },
      ValueError,
      "csvDataset: a label was expected on line 3, column 'y', got a missing value ('nan')",
    ],
    [
      'a target that is no number',
      'a,y\n1,0\n2,q\n',
      { label: 'y', target: 'number' },
      ValueError,
      "a finite number was expected as the target on line 3, column 'y', got 'q'",
    ],
    [
      'an unknown class',
      'a,y\n1,p\n2,q\n',
      { label: 'y', classes: ['p', 'r'] },
      ValueError,
      "one of the classes [p, r] was expected on line 3, column 'y', got 'q'",
    ],
    [
      'an unknown column',
      'a,b\n1,2\n',
      { columns: ['c'] },
      ValueError,
      "csvDataset: a column of [a, b] or a position below 2 was expected, got 'c'",
    ],
    [
      'no rows',
      'a,b\n',
      {},
      ValueError,
      'csvDataset: the text: a data set of at least 1 sample was expected, got 0',
    ],
    [
      'a shape of another size',
      'a,b\n1,2\n',
      { shape: [3] },
      ShapeError,
      'as many input columns as shape [3] holds (3) were expected, got 2',
    ],
  ] as [string, string, CsvDatasetOptions, new (m: string) => Error, string][])(
    'throws for %s',
    async (_, text, options, type, message) => {
      const { label = 0, ...rest } = options;
      const given = 'label' in options ? { ...rest, label } : rest;
      const read = csvDataset({ text }, given as { label: string });
      await expect(read).rejects.toThrow(type);
      await expect(read).rejects.toThrow(message);
    },
  );
});

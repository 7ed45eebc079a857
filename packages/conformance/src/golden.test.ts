import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import {
  GoldenError,
  type GoldenSample,
  type GoldenTensor,
  loadGoldenIndex,
  loadGoldens,
  parseGolden,
  readGoldenFile,
} from './golden.ts';

const index = await loadGoldenIndex();
const all = await loadGoldens();
const families = Object.entries(index.families);

function find(op: string, variant: string, where: (s: GoldenSample) => boolean): GoldenSample {
  const sample = all.find((s) => s.op === op && s.variant === variant && where(s));
  if (sample === undefined) throw new Error(`no sample of ${op}/${variant}`);
  return sample;
}

function size(tensor: GoldenTensor): number {
  return tensor.shape.reduce((product, n) => product * n, 1);
}

async function rewritten(
  family: string,
  change: (raw: Uint8Array<ArrayBuffer>) => Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  const raw = new Uint8Array(gunzipSync(await readGoldenFile(`${family}.bin.gz`)));
  return new Uint8Array(gzipSync(change(raw)));
}

/** Overwrites the first occurrence of a text by another of the same length. */
function replace(from: string, to: string) {
  return (raw: Uint8Array<ArrayBuffer>): Uint8Array => {
    const at = Buffer.from(raw).indexOf(from);
    expect(at).toBeGreaterThan(0);
    raw.set(new TextEncoder().encode(to), at);
    return raw;
  };
}

describe('the committed files', () => {
  it('match the index: checksums, sizes, counts', async () => {
    for (const [family, entry] of families) {
      const bytes = await readGoldenFile(entry.file);
      expect(bytes.length, family).toBe(entry.bytes);
      expect(createHash('sha256').update(bytes).digest('hex'), family).toBe(entry.sha256);
      expect((await parseGolden(bytes, family)).length, family).toBe(entry.samples);
    }
    expect(all.length).toBe(index.samples);
    expect(new Set(all.map((s) => s.op)).size).toBe(index.ops);
    expect(all.filter((s) => s.inputGrads !== null).length).toBe(index.differentiable);
    expect(all.filter((s) => s.oracle === 'f64').length).toBe(index.float64Oracle);
  });

  it('stay within the size that was agreed', () => {
    const total = families.reduce((sum, [, entry]) => sum + entry.bytes, 0);
    expect(total).toBeLessThan(1_600_000);
    expect(index.ops).toBeGreaterThan(250);
  });

  it('hold tensors whose data fits their shape and dtype', () => {
    const classes = { f32: Float32Array, i32: Int32Array, bool: Uint8Array };
    for (const sample of all) {
      const { inputs, outputs, cotangents, inputGrads, mutated } = sample;
      const groups = [inputs, outputs, cotangents ?? [], inputGrads ?? [], mutated ?? []];
      for (const tensor of groups.flat()) {
        if (tensor === null) continue;
        expect(tensor.data.length, sample.op).toBe(size(tensor));
        expect(tensor.data, sample.op).toBeInstanceOf(classes[tensor.dtype]);
      }
    }
  });

  it('give each gradient the shape of its input and each cotangent that of its output', () => {
    for (const sample of all) {
      expect(sample.cotangents === null, sample.op).toBe(sample.inputGrads === null);
      sample.inputGrads?.forEach((grad, i) => {
        if (grad !== null) expect(grad.shape, sample.op).toEqual(sample.inputs[i]?.shape);
      });
      sample.cotangents?.forEach((cotangent, i) => {
        if (cotangent !== null) expect(cotangent.shape).toEqual(sample.outputs[i]?.shape);
      });
    }
  });
});

describe('values, checked by arithmetic that is exact or recomputed here', () => {
  it('negates bit for bit', () => {
    const { inputs, outputs, cotangents, inputGrads } = find('neg', '', (s) => s.oracle === 'f64');
    expect(outputs[0]?.data).toEqual(inputs[0]?.data.map((v) => -v));
    expect(inputGrads?.[0]?.data).toEqual(cotangents?.[0]?.data.map((v) => -v));
  });

  it('rounds exp of float64 once', () => {
    for (const sample of all.filter((s) => s.op === 'exp' && s.inputs[0]?.dtype === 'f32')) {
      const x = sample.inputs[0]?.data ?? [];
      sample.outputs[0]?.data.forEach((y, i) => {
        const exact = Math.fround(Math.exp(x[i] ?? 0));
        if (Number.isFinite(exact)) expect(Math.abs(y - exact)).toBeLessThanOrEqual(exact * 1.2e-7);
        else expect(y).toBe(exact);
      });
    }
  });

  it('multiplies matrices, with the gradients dA = G·Bᵀ and dB = Aᵀ·G', () => {
    const sample = find('mm', '', () => true);
    const [a, b] = sample.inputs as [GoldenTensor, GoldenTensor];
    const [m, k, n] = [a.shape[0] ?? 0, a.shape[1] ?? 0, b.shape[1] ?? 0];
    const g = sample.cotangents?.[0]?.data ?? [];
    const [da, db] = [new Float64Array(m * k), new Float64Array(k * n)];
    const c = new Float64Array(m * n);
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        for (let p = 0; p < k; p++) {
          const [x, y, z] = [a.data[i * k + p] ?? 0, b.data[p * n + j] ?? 0, g[i * n + j] ?? 0];
          c[i * n + j]! += x * y;
          da[i * k + p]! += z * y;
          db[p * n + j]! += x * z;
        }
      }
    }
    expect(sample.outputs[0]?.data).toEqual(Float32Array.from(c));
    expect(sample.inputGrads?.[0]?.data).toEqual(Float32Array.from(da));
    expect(sample.inputGrads?.[1]?.data).toEqual(Float32Array.from(db));
  });

  it('decodes slices, lists, dtypes, numbers and tensors among the arguments', () => {
    const kinds = new Set<string>();
    const visit = (value: unknown): void => {
      if (Array.isArray(value)) value.forEach(visit);
      else if (typeof value === 'object' && value !== null && 'kind' in value) {
        kinds.add(String(value.kind));
        if ('items' in value) visit(value.items);
      } else kinds.add(value === null ? 'null' : typeof value);
    };
    for (const s of all) visit([...s.args, ...Object.values(s.kwargs)]);
    expect([...kinds].sort()).toEqual(
      [
        'boolean',
        'dtype',
        'ellipsis',
        'list',
        'null',
        'number',
        'slice',
        'string',
        'tensor',
      ].sort(),
    );
    const sliced = find('__getitem__', '', (s) => JSON.stringify(s.args[1]).includes('slice'));
    expect(sliced.args[0]).toMatchObject({ kind: 'tensor', index: 0 });
  });

  it('records the running statistics that batch norm leaves behind', () => {
    const sample = find('nn.functional.batch_norm', 'extra', (s) => s.mutated !== null);
    const [x, mean] = sample.inputs as [GoldenTensor, GoldenTensor];
    const [batch, channels, area] = [3, 4, 6];
    expect(x.shape).toEqual([batch, channels, 2, 3]);
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      for (let b = 0; b < batch; b++) {
        for (let i = 0; i < area; i++) sum += x.data[(b * channels + c) * area + i] ?? 0;
      }
      const expected = 0.9 * (mean.data[c] ?? 0) + (0.1 * sum) / (batch * area);
      expect(sample.mutated?.[1]?.data[c]).toBeCloseTo(expected, 6);
    }
  });
});

describe('loading', () => {
  it('reads only the families that hold the ops asked for', async () => {
    const files: string[] = [];
    const read = (file: string): Promise<Uint8Array<ArrayBuffer>> => {
      files.push(file);
      return readGoldenFile(file);
    };
    const samples = await loadGoldens({ ops: ['tanh', 'nn.functional.conv2d'], read });
    expect(files).toEqual(['index.json', 'unary.bin.gz', 'conv.bin.gz']);
    expect(new Set(samples.map((s) => s.op))).toEqual(new Set(['tanh', 'nn.functional.conv2d']));
    const rnn = await loadGoldens({ families: ['rnn'] });
    expect(rnn.map((s) => s.op)).toContain('lstm_cell');
  });

  it('rejects an op or family that does not exist', async () => {
    await expect(loadGoldens({ ops: ['tanhh'] })).rejects.toThrow(
      'golden index.json: expected an op of golden/INDEX.md, got tanhh ' +
        '(restore the file or rerun tooling/goldens)',
    );
    await expect(loadGoldens({ families: ['unry'] })).rejects.toThrow(/expected one of the fam/);
  });

  it('names a missing file and an index that is none', async () => {
    await expect(readGoldenFile('absent.bin.gz')).rejects.toThrow(GoldenError);
    const bytes = new TextEncoder().encode('[1, 2');
    await expect(loadGoldenIndex(async () => bytes)).rejects.toThrow(
      'golden index.json: expected JSON, got 5 bytes that do not parse',
    );
    const other = new TextEncoder().encode('{"a": 1}');
    await expect(loadGoldenIndex(async () => other)).rejects.toThrow(/expected an index/);
  });

  it('rejects a file that does not hold what the index says', async () => {
    const read = (file: string): Promise<Uint8Array<ArrayBuffer>> =>
      readGoldenFile(file === 'rnn.bin.gz' ? 'norm.bin.gz' : file);
    await expect(loadGoldens({ families: ['rnn'], read })).rejects.toThrow(
      'golden rnn: expected 1 samples of gru_cell, got 0',
    );
    const renamed = await rewritten('rnn', replace('"gru_cell"', '"elu_cell"'));
    const readRenamed = async (file: string): Promise<Uint8Array<ArrayBuffer>> =>
      file === 'rnn.bin.gz' ? renamed : readGoldenFile(file);
    await expect(loadGoldens({ families: ['rnn'], read: readRenamed })).rejects.toThrow(
      'golden rnn: expected 1 samples of gru_cell, got 0',
    );
  });
});

describe('a file that the server has unpacked', () => {
  it('gives the same samples', async () => {
    const bytes = await readGoldenFile('rnn.bin.gz');
    const unpacked = new Uint8Array(gunzipSync(bytes));
    expect(await parseGolden(unpacked, 'rnn')).toEqual(await parseGolden(bytes, 'rnn'));
  });

  it('is checked as well', async () => {
    const unpacked = new Uint8Array(gunzipSync(await readGoldenFile('rnn.bin.gz')));
    await expect(parseGolden(unpacked.slice(0, -1), 'rnn')).rejects.toThrow(/bytes after gzip/);
  });
});

describe('damaged files', () => {
  it('rejects every truncation of the gzip stream', async () => {
    const bytes = await readGoldenFile('rnn.bin.gz');
    for (const keep of [0, 1, 10, bytes.length >> 1, bytes.length - 9, bytes.length - 1]) {
      await expect(parseGolden(bytes.slice(0, keep), 'rnn'), `${keep}`).rejects.toThrow(
        GoldenError,
      );
    }
    await expect(parseGolden(bytes.slice(0, 100), 'rnn')).rejects.toThrow(
      'golden rnn: expected a whole gzip file, got 100 bytes that do not decompress',
    );
  });

  it('rejects a flipped bit anywhere in the compressed data', async () => {
    const bytes = await readGoldenFile('rnn.bin.gz');
    for (let at = 20; at < bytes.length; at += 97) {
      const broken = bytes.slice();
      broken[at]! ^= 4;
      await expect(parseGolden(broken, 'rnn'), `byte ${at}`).rejects.toThrow(GoldenError);
    }
  });

  it('rejects another header, another version, missing and surplus bytes', async () => {
    const parse = async (change: (raw: Uint8Array<ArrayBuffer>) => Uint8Array): Promise<unknown> =>
      parseGolden(await rewritten('rnn', change), 'rnn');
    const set = (at: number, value: number) => (raw: Uint8Array<ArrayBuffer>) => {
      raw[at] = value;
      return raw;
    };
    await expect(parse((raw) => raw.subarray(0, 3))).rejects.toThrow(/expected the header TNGD/);
    await expect(parse(set(0, 65))).rejects.toThrow('expected the header TNGD, got "ANGD"');
    await expect(parse(set(4, 9))).rejects.toThrow('expected format version 1, got 9');
    await expect(parse((raw) => raw.subarray(0, raw.length - 1))).rejects.toThrow(
      /bytes after gzip/,
    );
    await expect(parse((raw) => Buffer.concat([raw, raw]))).rejects.toThrow(/bytes after gzip/);
    await expect(parse(set(28, 0x7b))).rejects.toThrow(/expected a JSON table/);
  });

  it('rejects a table that does not belong to the data', async () => {
    const parse = async (from: string, to: string): Promise<unknown> =>
      parseGolden(await rewritten('rnn', replace(from, to)), 'rnn');
    await expect(parse('"f3,4"', '"f3,9"')).rejects.toThrow(/expected \d+ values in given/);
    await expect(parse('"f3,4"', '"f3,1"')).rejects.toThrow(/values of given were not used/);
    await expect(parse('"f3,4"', '"q3,4"')).rejects.toThrow(
      'sample 0 (lstm_cell): expected a tensor such as "f2,3", got q3,4',
    );
    await expect(parse('{"t":0}', '{"t":9}')).rejects.toThrow(/expected one of 7 tensors/);
    await expect(parse('{"t":0}', '{"u":0}')).rejects.toThrow(/expected a known argument tag/);
    await expect(parse('"f64"', '"f63"')).rejects.toThrow('expected a known oracle, got f63');
  });
});

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BYTES } from '@tenon/core';
import { describe, expect, test } from 'vitest';
import { cpuJs } from './index.ts';

describe('capabilities', () => {
  test('say what this backend is', () => {
    const { name, capabilities, report } = cpuJs();
    expect(name).toBe('cpu-js');
    expect(report).toEqual([]);
    expect(capabilities.dtypes).toEqual(['f32', 'i32', 'u32', 'bool', 'f64']);
    expect(capabilities.dtypes.every((dtype) => BYTES[dtype] >= 4)).toBe(true);
    expect(capabilities).toMatchObject({
      syncRead: true,
      threads: 1,
      bounds: 'throw',
      memory: 'collected',
      maxBuffers: 64,
      subnormals: true,
    });
    expect(Object.values(capabilities.ulp).every((ulp) => ulp > 0 && ulp <= 2)).toBe(true);
    expect(capabilities.ulp.add).toBeUndefined();
  });

  test('notes say whether code is generated', () => {
    expect(cpuJs().capabilities.notes[0]).toBe('generated code: on');
    expect(cpuJs({ codegen: false }).capabilities.notes[0]).toBe(
      'generated code: off by option; an interpreter runs regions instead',
    );
  });
});

describe('storage', () => {
  test('write, read, copy and offsets', async () => {
    const backend = cpuJs();
    const a = backend.allocate(16);
    const b = backend.allocate(16);
    backend.write(a, Float32Array.of(1, 2, 3, 4));
    backend.write(a, Float32Array.of(0, 9).subarray(1), 8);
    backend.copy({ from: a, fromByte: 4, to: b, toByte: 0, byteLength: 12 });
    expect(new Float32Array(backend.readSync(b, 0, 12).buffer)).toEqual(Float32Array.of(2, 9, 4));
    expect(new Float32Array((await backend.read(a)).buffer)).toEqual(Float32Array.of(1, 2, 9, 4));
    backend.copy({ from: a, fromByte: 0, to: a, toByte: 4, byteLength: 12 });
    expect(new Float32Array(backend.readSync(a).buffer)).toEqual(Float32Array.of(1, 1, 2, 9));
    await backend.synchronize();
  });

  test('a read is a copy', () => {
    const backend = cpuJs();
    const a = backend.allocate(4);
    backend.write(a, Int32Array.of(5));
    const bytes = backend.readSync(a);
    backend.write(a, Int32Array.of(6));
    expect(bytes[0]).toBe(5);
  });

  test('free makes room for the next allocation', () => {
    const backend = cpuJs();
    const a = backend.allocate(1000);
    backend.free(a);
    expect(backend.allocate(1000)).toBe(a);
    backend.free(a);
    backend.dispose();
    expect(backend.allocate(1000)).not.toBe(a);
  });

  test('nothing is kept with poolBytes 0', () => {
    const backend = cpuJs({ poolBytes: 0 });
    const a = backend.allocate(1000);
    backend.free(a);
    expect(backend.allocate(1000)).not.toBe(a);
  });
});

test('where code generation is forbidden, the interpreter runs and the notes say so', () => {
  const folder = mkdtempSync(join(import.meta.dirname, 'csp-'));
  const script = join(folder, 'csp.ts');
  writeFileSync(
    script,
    `import { cpuJs } from '@tenon/cpu-js';
     let isForbidden = false;
     try { new Function('return 1'); } catch { isForbidden = true; }
     const backend = cpuJs();
     const kernel = backend.prepare.region({
       kind: 'region', keptRank: 1, reducedRank: 1, constants: [],
       inputs: [{ dtype: 'f32', domain: 'full', source: 'buffer', keptClass: 2, reducedClass: 1 }],
       outputs: [
         { step: 2, dtype: 'f32', domain: 'kept', keptClass: 1, reducedClass: 0, alias: -1 },
       ],
       steps: [
         { op: 'load', index: 0, dtype: 'f32' },
         { op: 'exp', args: [0], dtype: 'f32', from: 'f32' },
         { op: 'reduce', reducer: 'sum', args: [1], dtype: 'f32' },
       ],
     });
     const x = backend.allocate(24), y = backend.allocate(8);
     backend.write(x, Float32Array.of(0, 0, 0, 0, 0, Infinity));
     backend.launch(kernel, [x, y], Int32Array.of(2, 3, 0, 3, 1, 0, 1, 0));
     const sums = [...new Float32Array(backend.readSync(y).buffer)].map(String);
     console.log(JSON.stringify({ isForbidden, notes: backend.capabilities.notes, sums }));`,
  );
  try {
    const flags = ['--disallow-code-generation-from-strings', '--conditions=@tenon/source'];
    const output = execFileSync(process.execPath, [...flags, script], { encoding: 'utf8' });
    expect(JSON.parse(output)).toEqual({
      isForbidden: true,
      notes: [
        'generated code: off, new Function is forbidden here; an interpreter runs regions instead',
        'one thread, no SIMD: plain JavaScript',
      ],
      sums: ['3', 'Infinity'],
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

import { describe, expect, it } from 'vitest';
import { findWorkload } from '../workloads/index.ts';
import { findSystem, systems } from './index.ts';
import { permute, TO_HWIO, TO_NCHW, TO_NHWC } from './layout.ts';
import { encodeModel } from './onnx.ts';

describe('systems', () => {
  it('are described without loading any', () => {
    expect(systems.map((s) => s.id)).toEqual([
      'tenon-cpu-wasm-relaxed',
      'tenon-cpu-wasm-relaxed-2t',
      'tenon-cpu-wasm-simd',
      'tenon-cpu-wasm-simd-2t',
      'tenon-cpu-wasm-scalar',
      'tenon-cpu-js',
      'tenon-webgpu',
      'tfjs-cpu',
      'tfjs-wasm',
      'tfjs-webgpu',
      'jax-js-wasm',
      'jax-js-webgpu',
      'ort-web-wasm',
    ]);
    for (const { version } of systems) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
  });

  it('say why a workload cannot run', () => {
    const cnn = findWorkload('train-cnn');
    expect(findSystem('ort-web-wasm').supports(cnn)).toBe('onnxruntime-web is for inference only');
    expect(findSystem('tfjs-wasm').supports(cnn)).toContain('Conv2DBackpropFilter');
    expect(findSystem('tfjs-cpu').supports(cnn)).toBe(true);
    const dispatch = findWorkload('dispatch-16-100k');
    expect(findSystem('tfjs-cpu').supports(dispatch)).toBe('dispatch-16 compares the libraries');
    expect(findSystem('tenon-cpu-js').supports(dispatch)).toBe(true);
    expect(() => findSystem('torch')).toThrowErrorMatchingInlineSnapshot(
      `[RangeError: findSystem: expected an id that --list shows, got 'torch']`,
    );
  });
});

describe('permute', () => {
  const shape = [2, 3, 4, 5];
  const data = Float32Array.from({ length: 120 }, (_, i) => i);

  it('moves each element to its place', () => {
    const { data: moved, shape: movedShape } = permute(data, shape, TO_NHWC);
    expect(movedShape).toEqual([2, 4, 5, 3]);
    // [n, c, h, w] = [1, 2, 3, 4] is the last element; [1, 0, 2, 1] is 60 + 2·5 + 1.
    expect(moved[119]).toBe(119);
    expect(moved[60 + (2 * 5 + 1) * 3]).toBe(71);
    expect(permute(moved, movedShape, TO_NCHW).data).toEqual(data);
  });

  it('turns OIHW into HWIO', () => {
    const { data: moved, shape: movedShape } = permute(data, shape, TO_HWIO);
    expect(movedShape).toEqual([4, 5, 3, 2]);
    // [h, w, i, o] = [0, 1, 2, 1] comes from [1, 2, 0, 1] = 60 + 40 + 1.
    expect(moved[1 * 6 + 2 * 2 + 1]).toBe(101);
  });
});

describe('encodeModel', () => {
  it('writes the protobuf of a one-node model', () => {
    const bytes = encodeModel({
      nodes: [{ op: 'Neg', inputs: ['x'], outputs: ['y'] }],
      inputs: [{ name: 'x', shape: [300] }],
      outputs: [{ name: 'y', shape: [300] }],
      constants: [],
    });
    // By hand from the field numbers of onnx.proto3; 300 is the varint ac 02.
    const type = '120b 0a09 0801 1205 0a03 08ac02';
    const node = '0a0b 0a0178 120179 2203 4e6567';
    const graph = `${node} 1205 6772617068 5a10 0a0178 ${type} 6210 0a0179 ${type}`;
    const expected = `0808 3a38 ${graph} 4202 1011`.replaceAll(' ', '');
    expect(Buffer.from(bytes).toString('hex')).toBe(expected);
  });

  it('writes integer, float and list attributes, and constants', () => {
    const attributes = { a: [1, 1], b: 5, c: { float: 0.5 } };
    const bytes = encodeModel({
      nodes: [{ op: 'X', inputs: [], outputs: [], attributes }],
      inputs: [],
      outputs: [],
      constants: [{ name: 'k', shape: [1], data: BigInt64Array.of(3n) }],
    });
    const hex = Buffer.from(bytes).toString('hex');
    // name, value (ints = 8, i = 3, f = 2), type = 20 (INTS 7, INT 2, FLOAT 1)
    expect(hex).toContain('0a0161 4001 4001 a00107'.replaceAll(' ', ''));
    expect(hex).toContain('0a0162 1805 a00102'.replaceAll(' ', ''));
    expect(hex).toContain('0a0163 150000003f a00101'.replaceAll(' ', ''));
    // dims, data type INT64, name, raw little-endian data
    expect(hex).toContain('0801 1007 42016b 4a08 0300000000000000'.replaceAll(' ', ''));
  });
});

import { FormatError, ValueError } from '@tenon/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeSafetensors, encodeSafetensors } from './safetensors.ts';
import type { StateDict } from './state-dict.ts';

/** A file written by hand, independent of the encoder. */
function file(
  header: string,
  data: number[] = [],
  length = new TextEncoder().encode(header).length,
) {
  const json = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + json.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, 8);
  bytes.set(data, 8 + json.length);
  return bytes;
}

const ONE = '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}';

describe('decodeSafetensors', () => {
  it('reads a file made by hand, in the order of its header', () => {
    const header =
      '{"__metadata__":{"format":"pt"},"b":{"dtype":"I64","shape":[],"data_offsets":[4,12]},' +
      '"a":{"dtype":"BF16","shape":[2,1],"data_offsets":[0,4]}}  ';
    const { tensors, metadata } = decodeSafetensors(
      file(header, [0x80, 0x3f, 0x00, 0xc0, 7, 0, 0, 0, 0, 0, 0, 0]),
    );
    expect(metadata).toEqual({ format: 'pt' });
    expect([...tensors]).toEqual([
      ['b', { dtype: 'i64', shape: [], data: BigInt64Array.of(7n) }],
      ['a', { dtype: 'bf16', shape: [2, 1], data: Uint16Array.of(0x3f80, 0xc000) }],
    ]);
  });

  it('reads from a view at an odd offset', () => {
    const bytes = file(ONE, [0, 0, 128, 63]);
    const shifted = new Uint8Array(bytes.length + 3);
    shifted.set(bytes, 3);
    const { tensors } = decodeSafetensors(shifted.subarray(3));
    expect(tensors.get('a')?.data).toEqual(Float32Array.of(1));
  });

  const bad: [string, Uint8Array, string][] = [
    ['no length', new Uint8Array(3), 'expected at least 8 bytes of header length, got 3'],
    [
      'a huge length',
      file(ONE, [], 2 ** 40),
      'expected a header of at most 100000000 bytes, got 1099511627776 (is this a ' +
        'safetensors file?)',
    ],
    [
      'a truncated header',
      file(ONE, [], 1000),
      'the header is truncated: expected 1000 bytes, got 54',
    ],
    [
      'bytes that are no UTF-8',
      file('{"', [0xff], 3),
      'expected a header in UTF-8, got bytes that are not',
    ],
    ['an array', file('[]'), 'expected a JSON object as header, got an array'],
    [
      'metadata of numbers',
      file('{"__metadata__":{"a":1}}'),
      'expected text in __metadata__.a, got number',
    ],
    [
      'metadata of text',
      file('{"__metadata__":"a"}'),
      'expected an object in __metadata__, got string',
    ],
    ['an entry of text', file('{"a":"b"}'), 'expected an object for "a", got string'],
    [
      'no dtype',
      file('{"a":{"shape":[],"data_offsets":[0,4]}}'),
      'dtype of "a": expected text, got undefined',
    ],
    [
      'an unknown dtype',
      file('{"a":{"dtype":"F8","shape":[1],"data_offsets":[0,1]}}', [0]),
      'dtype of "a": expected one of F64, I64, U64, F32, I32, U32, F16, BF16, I16, U16, ' +
        'I8, U8, BOOL, got F8',
    ],
    [
      'a negative size',
      file('{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}', [0, 0, 0, 0]),
      'shape of "a": expected non-negative integers, got [-1]',
    ],
    [
      'offsets backwards',
      file('{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}', [0, 0, 0, 0]),
      'data_offsets of "a": expected [begin, end] with begin ≤ end, got [4,0]',
    ],
    [
      'a size that is not the shape’s',
      file('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}', [0, 0, 0, 0]),
      '"a" is F32 [2]: expected 8 bytes, got 4',
    ],
    ['truncated data', file(ONE, [0, 0]), 'the file is truncated: expected 4 bytes of data, got 2'],
    [
      'data after the tensors',
      file(ONE, [0, 0, 0, 0, 0]),
      'there are bytes after the tensors: expected 4 bytes of data, got 5',
    ],
    [
      'a gap',
      file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}', [0, 0]),
      '"a" leaves a gap before it: expected its data at 0, got 1',
    ],
    [
      'an overlap',
      file(
        '{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8",' +
          '"shape":[2],"data_offsets":[1,3]}}',
        [0, 0, 0],
      ),
      '"b" overlaps the tensor before it: expected its data at 2, got 1',
    ],
    [
      'a name twice',
      file(
        '{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\\u0061":{"dtype":"U8",' +
          '"shape":[1],"data_offsets":[1,2]}}',
        [0, 0],
      ),
      'expected each name once, got "a" twice',
    ],
  ];
  for (const [what, bytes, message] of bad) {
    it(`refuses ${what}`, () => {
      expect(() => decodeSafetensors(bytes)).toThrow(new FormatError(`safetensors: ${message}`));
    });
  }

  it('refuses broken JSON', () => {
    expect(() => decodeSafetensors(file('{"a":'))).toThrow(
      /^safetensors: expected a JSON header, got /,
    );
  });

  it('refuses every truncation of a good file', () => {
    const bytes = encodeSafetensors(
      new Map([['w', { dtype: 'f32', shape: [2], data: Float32Array.of(1, 2) }]]),
    );
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeSafetensors(bytes.subarray(0, length))).toThrow(FormatError);
    }
  });

  it('never fails in another way on damaged files', () => {
    const bytes = encodeSafetensors(
      new Map([['w', { dtype: 'f32', shape: [2], data: Float32Array.of(1, 2) }]]),
      { a: 'b' },
    );
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 }), (at, value) => {
        const damaged = bytes.slice();
        damaged[at] = value;
        try {
          decodeSafetensors(damaged);
        } catch (error) {
          if (!(error instanceof FormatError)) throw error;
        }
      }),
      { seed: 1, numRuns: 2000 },
    );
  });
});

describe('encodeSafetensors', () => {
  it('round-trips every dtype, metadata and odd names', () => {
    const dict: StateDict = new Map([
      ['bool', { dtype: 'bool', shape: [3], data: Uint8Array.of(1, 0, 1) }],
      ['f32 "quoted" ö', { dtype: 'f32', shape: [2, 1], data: Float32Array.of(-0, Number.NaN) }],
      ['f64', { dtype: 'f64', shape: [], data: Float64Array.of(Math.PI) }],
      ['i64', { dtype: 'i64', shape: [1], data: BigInt64Array.of(-(2n ** 63n)) }],
      ['empty', { dtype: 'i32', shape: [0, 4], data: new Int32Array(0) }],
      ['__proto__', { dtype: 'i8', shape: [1], data: Int8Array.of(-1) }],
    ]);
    const bytes = encodeSafetensors(dict, { note: 'line\nbreak', __proto__x: 'y' });
    const { tensors, metadata } = decodeSafetensors(bytes);
    expect(new Map([...tensors].sort())).toEqual(new Map([...dict].sort()));
    expect(metadata).toEqual({ note: 'line\nbreak', __proto__x: 'y' });
  });

  it('writes exactly these bytes', () => {
    const bytes = encodeSafetensors(
      new Map([
        ['b', { dtype: 'u8', shape: [1], data: Uint8Array.of(9) }],
        ['a', { dtype: 'f32', shape: [1], data: Float32Array.of(1) }],
      ]),
    );
    const header =
      '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"U8",' +
      '"shape":[1],"data_offsets":[4,5]}}';
    expect(bytes).toEqual(file(header.padEnd(112), [0, 0, 128, 63, 9]));
  });

  it('refuses arrays that do not fit', () => {
    expect(() =>
      encodeSafetensors(new Map([['w', { dtype: 'f32', shape: [3], data: new Float32Array(2) }]])),
    ).toThrow(new ValueError('encodeSafetensors: w has shape [3]: expected 3 elements, got 2'));
    expect(() =>
      encodeSafetensors(new Map([['w', { dtype: 'f32', shape: [2], data: new Float64Array(2) }]])),
    ).toThrow('encodeSafetensors: w is f32: its array does not fit, got Float64Array');
  });
});

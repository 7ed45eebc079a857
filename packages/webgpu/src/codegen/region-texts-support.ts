/** For tests of generated text only: regions without data, and the sources that they ask for. */
import type { Profile, Variant } from '../device.ts';
import type { Gpu, ShaderSource } from '../kernel.ts';
import { Pipeline } from '../pipelines.ts';
import { prepareRegion } from './region.ts';
import {
  load,
  op,
  reduce,
  SPLIT_ALWAYS,
  specOf,
  type TestRegion,
  wordsOf,
} from './region-test-support.ts';

const PROFILE: Profile = {
  variant: 'register',
  hasF16: true,
  subgroupSize: 32,
  isCpu: false,
  limits: {
    maxStorageBuffers: 8,
    maxInvocations: 256,
    maxWorkgroupBytes: 16384,
    maxGroupsPerAxis: 65535,
    maxBindingBytes: 2 ** 27,
    maxBufferBytes: 2 ** 28,
  },
  notes: [],
};

/** The sources that a kernel asks for, when it is made and at a launch. */
export function sourcesOf(region: TestRegion, variant: Variant, split = false): ShaderSource[] {
  const sources: ShaderSource[] = [];
  const gpu: Gpu = {
    profile: { ...PROFILE, variant },
    pipeline(source) {
      sources.push(source);
      return new Pipeline(source, sources.length, 0);
    },
  };
  const kernel = prepareRegion(specOf(region), gpu, split ? SPLIT_ALWAYS : null);
  kernel.encode({ dispatch: () => {} }, [], wordsOf(region));
  return sources;
}

export const textOf = (region: TestRegion, variant: Variant): string =>
  sourcesOf(region, variant)[0]!.code;

/** The statements of main. */
export const bodyOf = (text: string): string =>
  text.slice(text.indexOf(') {\n', text.indexOf('fn main')) + 4);

export const add: TestRegion = {
  kept: [4],
  reduced: [],
  inputs: [
    { dtype: 'f32', data: [], strides: [1] },
    { dtype: 'f32', data: [], strides: [0] },
  ],
  outputs: [{ step: 2, dtype: 'f32', strides: [1], length: 4 }],
  steps: [load(0), load(1), op('add', 0, 1)],
};
export const strided: TestRegion = {
  kept: [2, 3],
  reduced: [],
  inputs: [
    { dtype: 'f32', data: [], strides: [1, 2] },
    { dtype: 'f32', data: null, strides: [0, 1] },
  ],
  outputs: [{ step: 2, dtype: 'f32', strides: [3, 1], length: 6 }],
  steps: [load(0), load(1), op('sub', 0, 1)],
};
export const rowSum: TestRegion = {
  kept: [2],
  reduced: [3],
  inputs: [{ dtype: 'f32', data: [], strides: [3, 1] }],
  outputs: [{ step: 1, dtype: 'f32', strides: [1, 0], length: 2 }],
  steps: [load(0), reduce('sum', 0)],
};
export const softmax: TestRegion = {
  kept: [2],
  reduced: [3],
  inputs: [{ dtype: 'f32', data: [], strides: [3, 1] }],
  outputs: [{ step: 5, dtype: 'f32', strides: [3, 1], length: 6 }],
  steps: [
    load(0),
    reduce('max', 0),
    op('sub', 0, 1),
    op('exp', 2),
    reduce('sum', 3),
    op('div', 3, 4),
  ],
};

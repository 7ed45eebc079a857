// Networks trained in a real browser, in one of the variants.
import { webgpu } from '@tenon/webgpu';
import { describe, inject } from 'vitest';
import { describeTraining } from '../src/conformance/training-test-support.ts';

const variant = inject('variant');

describe.skipIf(variant !== 'register')('training', () => {
  describeTraining(() => webgpu({ variant }), 40);
});

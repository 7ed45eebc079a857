// Networks trained in Node, in the variant that suits the adapter (browser/training.test.ts: in
// Chromium).
import { describe } from 'vitest';
import { webgpu } from '../node.ts';
import { orSkip } from './conformance-test-support.ts';
import { describeTraining } from './training-test-support.ts';

describe('training', () => orSkip({}, () => describeTraining(() => webgpu(), 40)));

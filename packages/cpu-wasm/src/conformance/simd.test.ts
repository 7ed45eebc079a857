import { describeVariant } from './conformance-test-support.ts';

describeVariant('simd', 1);

import { describeVariant } from './conformance-test-support.ts';

describeVariant('simd-threads', 2);

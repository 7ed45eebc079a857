import { describeVariant } from './conformance-test-support.ts';

describeVariant('relaxed-threads', 2);

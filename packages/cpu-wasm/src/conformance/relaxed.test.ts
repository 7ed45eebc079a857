import { describeVariant } from './conformance-test-support.ts';

describeVariant('relaxed', 1);

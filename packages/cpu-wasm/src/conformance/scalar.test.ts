import { describeVariant } from './conformance-test-support.ts';

describeVariant('scalar', 1);

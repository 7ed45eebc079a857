import { describeVariant } from './conformance-test-support.ts';

describeVariant('workgroup');

// What every backend must do; see @tenon/conformance. What is special to cpu-js is tested beside it.
import { describeBackend } from '@tenon/conformance';
import { cpuJs } from './index.ts';

describeBackend({ create: cpuJs });

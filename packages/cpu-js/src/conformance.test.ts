// What every backend must do. What is special to cpu-js is tested beside its code.
import { describeBackend } from '@tenon/conformance';
import { cpuJs } from './index.ts';

describeBackend({ create: cpuJs });

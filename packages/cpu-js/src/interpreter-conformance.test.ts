// The suites that depend on how scalar programs run, where code cannot be generated.
import { describeBackend } from '@tenon/conformance';
import { cpuJs } from './index.ts';

const suites = ['kernels', 'scalars', 'primitives', 'reductions', 'fusion', 'composites'];
describeBackend({ create: () => cpuJs({ codegen: false }), suites });

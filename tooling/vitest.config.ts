import { testProject } from './vitest-preset.ts';

export default testProject('tooling', ['**/*.test.ts']);

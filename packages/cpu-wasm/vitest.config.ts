import { testProject } from '../../tooling/vitest-preset.ts';

export default testProject('cpu-wasm');

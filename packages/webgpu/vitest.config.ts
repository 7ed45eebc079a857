import '../../tooling/software-vulkan.ts';
import { testProject } from '../../tooling/vitest-preset.ts';

export default testProject('webgpu');

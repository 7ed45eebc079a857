import { browserProject } from '../../tooling/vitest-browser.ts';

const variants = ['scalar', 'simd', 'relaxed', 'simd-threads', 'relaxed-threads'];

export default browserProject('cpu-wasm in Chromium', ['browser/**/*.test.ts'], variants);

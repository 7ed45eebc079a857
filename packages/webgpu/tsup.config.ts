import { defineConfig } from 'tsup';
import { library } from '../../tooling/tsup-preset.ts';

// Two entries that share their chunks: the second brings Dawn, an optional peer, to Node.
export default defineConfig({
  ...library,
  entry: ['src/index.ts', 'src/node.ts'],
  external: ['webgpu'],
});

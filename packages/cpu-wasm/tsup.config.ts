import { copyFileSync, mkdirSync } from 'node:fs';
import { defineConfig } from 'tsup';
import { library } from '../../tooling/tsup-preset.ts';
import { VARIANTS } from './src/variant.ts';

// Beside the bundle, for a content security policy that wants files: what the bundle has inside.
export default defineConfig({
  ...library,
  onSuccess: async () => {
    mkdirSync('dist/wasm', { recursive: true });
    for (const name of VARIANTS) {
      copyFileSync(`src/generated/${name}.wasm`, `dist/wasm/${name}.wasm`);
    }
    copyFileSync('src/generated/worker.js', 'dist/worker.js');
  },
});

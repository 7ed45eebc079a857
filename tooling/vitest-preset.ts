// Test settings shared by every package. Packages resolve to their sources, so tests need no build.
import { defineConfig, type ViteUserConfigExport } from 'vitest/config';

// Vite's own server conditions, behind ours.
const conditions = ['@tenon/source', 'module', 'node', 'development|production'];

/** The vitest project `name`: tests lie beside the code as `*.test.ts`. */
export function testProject(name: string, include: string[] = ['src/**/*.test.ts']) {
  const config: ViteUserConfigExport = {
    resolve: { conditions },
    ssr: { resolve: { conditions } },
    test: {
      name,
      include,
      testTimeout: 60_000,
      hookTimeout: 60_000,
      // memory tests call gc(); children of tests resolve packages as the tests do
      execArgv: ['--expose-gc', '--conditions=@tenon/source'],
    },
  };
  return defineConfig(config);
}

// Test settings shared by every package. Packages resolve to their sources, so tests need no build.
import './software-vulkan.ts';
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
      testTimeout: 120_000,
      hookTimeout: 120_000,
      // Memory tests call gc() and compare what the process has: the young generation, which V8
      // lets grow when it likes, has its full size from the start. Children resolve packages as
      // tests do.
      execArgv: [
        ...['--expose-gc', '--min-semi-space-size=16', '--max-semi-space-size=16'],
        '--conditions=@tenon/source',
      ],
    },
  };
  return defineConfig(config);
}

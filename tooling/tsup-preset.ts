// Build settings shared by every package: ESM only, no bundled dependency. Declarations are written
// by declarations.ts.
import type { Options } from 'tsup';

const shared: Options = {
  format: ['esm'],
  target: 'es2022',
  sourcemap: true,
  clean: true,
  treeshake: true,
  splitting: true,
};

/** A library for Node, browsers and bundlers alike; its sources see no Node types. */
export const library: Options = {
  ...shared,
  entry: ['src/index.ts'],
  platform: 'neutral',
  tsconfig: 'tsconfig.build.json',
};

/** A command for Node: no declarations. */
export const command: Options = {
  ...shared,
  entry: ['src/main.ts'],
  platform: 'node',
  tsconfig: 'tsconfig.json',
};

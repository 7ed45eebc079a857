// The same page made by each bundler, and by none, from installed packages.
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build as esbuild } from 'esbuild';
import { build as vite } from 'vite';
import webpack from 'webpack';

/** What a page runs: ?options=<JSON> are those of the backend, URLs relative to the page. */
const ENTRY = `import { run } from './program.js';
import { run as runOnGpu } from './program-webgpu.js';
const query = new URLSearchParams(location.search);
const options = JSON.parse(query.get('options') ?? '{}');
const program = query.get('backend') === 'webgpu' ? runOnGpu : run;
globalThis.result = program(options).catch((error) => ({ error: String(error.stack ?? error) }));
`;

const page = (head: string): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>consumer</title><link rel="icon" href="data:,">
${head}
</head><body></body></html>
`;
const moduleScript = (src: string): string => page(`<script type="module" src="${src}"></script>`);

/** What pages and Node run, beside this file. */
const PROGRAMS = ['work.js', 'program.js', 'program-webgpu.js', 'program-webgpu-node.js'];

/** Writes the sources of the page into a project that has the packages installed. */
export function writeSources(project: string): void {
  for (const name of PROGRAMS) cpSync(join(import.meta.dirname, name), join(project, name));
  writeFileSync(join(project, 'main.js'), ENTRY);
  writeFileSync(join(project, 'index.html'), moduleScript('./main.js'));
}

async function withVite(project: string, out: string): Promise<void> {
  await vite({ root: project, base: './', logLevel: 'error', build: { outDir: out } });
}

async function withEsbuild(project: string, out: string): Promise<void> {
  await esbuild({
    absWorkingDir: project,
    entryPoints: ['main.js'],
    bundle: true,
    splitting: true,
    format: 'esm',
    outdir: out,
    logLevel: 'error',
  });
  writeFileSync(join(out, 'index.html'), moduleScript('./main.js'));
}

function withWebpack(project: string, out: string): Promise<void> {
  const compiler = webpack({
    context: project,
    entry: './main.js',
    mode: 'production',
    output: { path: out, filename: 'main.js' },
    performance: { hints: false },
  });
  writeFileSync(join(out, 'index.html'), page('<script defer src="./main.js"></script>'));
  return new Promise((resolve, reject) => {
    compiler.run((error, stats) => {
      const isGood = error === null && stats?.hasErrors() === false;
      if (isGood) resolve();
      else reject(error ?? new Error(stats?.toString({ all: false, errors: true })));
    });
  });
}

/** No bundler: an import map to the files as they are installed. */
async function withImportMap(project: string, out: string): Promise<void> {
  for (const name of ['core', 'cpu-wasm', 'webgpu']) {
    cpSync(join(project, 'node_modules/@tenon', name, 'dist'), join(out, name), {
      recursive: true,
    });
  }
  for (const file of ['main.js', ...PROGRAMS]) cpSync(join(project, file), join(out, file));
  const imports = {
    '@tenon/core': './core/index.js',
    '@tenon/cpu-wasm': './cpu-wasm/index.js',
    '@tenon/webgpu': './webgpu/index.js',
  };
  const map = `<script type="importmap">${JSON.stringify({ imports })}</script>\n`;
  const script = '<script type="module" src="./main.js"></script>';
  writeFileSync(join(out, 'index.html'), page(map + script));
}

const BUNDLERS: Readonly<Record<string, (project: string, out: string) => Promise<void>>> = {
  vite: withVite,
  webpack: withWebpack,
  esbuild: withEsbuild,
  'import map': withImportMap,
};

/**
 * Builds the page with each into `<out>/<name without spaces>/`, the package's files for URLs
 * beside it in `tenon/`. Returns the names.
 */
export async function buildPages(project: string, out: string): Promise<string[]> {
  for (const [name, build] of Object.entries(BUNDLERS)) {
    const target = join(out, folderOf(name));
    mkdirSync(target, { recursive: true });
    await build(project, target);
    const dist = join(project, 'node_modules/@tenon/cpu-wasm/dist');
    cpSync(join(dist, 'wasm'), join(target, 'tenon'), { recursive: true });
    cpSync(join(dist, 'worker.js'), join(target, 'tenon/worker.js'));
  }
  return Object.keys(BUNDLERS);
}

export const folderOf = (name: string): string => name.replaceAll(' ', '-');

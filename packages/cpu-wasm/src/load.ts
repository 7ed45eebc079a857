/** Gets the compiled module of a variant: from the package's own text, or from a URL. */
import { BackendError } from '@tenon/core';
import type { Variant } from './variant.ts';

// One dynamic import per variant: a bundler makes each a lazy chunk; only the one used is loaded.
const SOURCES: Readonly<Record<Variant, () => Promise<{ readonly data: string }>>> = {
  scalar: () => import('./generated/scalar.ts'),
  simd: () => import('./generated/simd.ts'),
  relaxed: () => import('./generated/relaxed.ts'),
  'simd-threads': () => import('./generated/simd-threads.ts'),
  'relaxed-threads': () => import('./generated/relaxed-threads.ts'),
};

const compiled = new Map<string, Promise<WebAssembly.Module>>();

/**
 * Compiles a variant once. `wasmUrl`: the folder that holds `<variant>.wasm` (the package's
 * dist/wasm); without it the module comes from the package's own text.
 * @throws BackendError when it cannot be fetched or compiled
 */
export function loadModule(variant: Variant, wasmUrl?: string | URL): Promise<WebAssembly.Module> {
  const key = `${variant} ${wasmUrl === undefined ? '' : String(wasmUrl)}`;
  const known = compiled.get(key);
  if (known !== undefined) return known;
  const loading = load(variant, wasmUrl);
  compiled.set(key, loading);
  loading.catch(() => compiled.delete(key));
  return loading;
}

async function load(variant: Variant, wasmUrl?: string | URL): Promise<WebAssembly.Module> {
  let what = wasmUrl === undefined ? variant : `${variant} in ${String(wasmUrl)}`;
  try {
    const url = wasmUrl === undefined ? null : fileUrl(variant, wasmUrl);
    if (url !== null) what = String(url);
    const bytes = url === null ? await unpack((await SOURCES[variant]()).data) : await readUrl(url);
    return await WebAssembly.compile(bytes);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new BackendError(
      `cpu-wasm: expected to compile the module ${what}, got: ${reason}` +
        (wasmUrl === undefined ? '' : ' (wasmUrl is the folder that holds <variant>.wasm)'),
    );
  }
}

/** `<wasmUrl>/<variant>.wasm`, against the page where wasmUrl is relative. */
function fileUrl(variant: Variant, wasmUrl: string | URL): URL {
  const { location } = globalThis as { location?: { readonly href: string } };
  const folder = String(wasmUrl).replace(/\/?$/, '/');
  return new URL(`${variant}.wasm`, new URL(folder, location?.href));
}

async function unpack(packed: string): Promise<ArrayBuffer> {
  const binary = atob(packed);
  const zipped = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) zipped[i] = binary.charCodeAt(i);
  const stream = new Blob([zipped]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Response(stream).arrayBuffer();
}

interface NodeFiles {
  getBuiltinModule?(id: string): { readFile(url: URL): Promise<Uint8Array<ArrayBuffer>> };
}

async function readUrl(url: URL): Promise<ArrayBuffer | Uint8Array<ArrayBuffer>> {
  const { process } = globalThis as { process?: NodeFiles };
  if (url.protocol === 'file:' && process?.getBuiltinModule !== undefined) {
    // Node's fetch does not read files.
    return process.getBuiltinModule('node:fs/promises').readFile(url);
  }
  const response = await fetch(url);
  if (!response.ok) throw new Error(`HTTP status ${response.status}`);
  return response.arrayBuffer();
}

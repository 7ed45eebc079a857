/** Brings Dawn to Node: the optional package `webgpu`, and `navigator.gpu` where it is missing. */
import { BackendError } from '@tenon/core';

/** What is needed of the package. */
export interface Dawn {
  create(flags: string[]): GPU;
}

/** What to do in Node where Dawn finds no adapter. */
export const NODE_HINT: string =
  'Dawn needs a GPU driver: on Linux the Vulkan loader and a driver, such as the packages ' +
  'libvulkan1 and mesa-vulkan-drivers, and VK_ICD_FILENAMES where the driver is elsewhere';

interface NodeProcess {
  readonly platform: string;
  dlopen(module: object, path: string): void;
}

/**
 * Why Dawn would find no driver, where that is known beforehand: it complains on stderr, from
 * native code, of a Vulkan loader that is not there. A loader that is there is no Node module,
 * which is another error.
 */
export function missingLoader(
  process: NodeProcess | undefined = (globalThis as { readonly process?: NodeProcess }).process,
): string | null {
  if (process?.platform !== 'linux') return null;
  try {
    process.dlopen({ exports: {} }, 'libvulkan.so.1');
  } catch (error) {
    if (/no such file/i.test(String(error))) return 'libvulkan.so.1 is not there';
  }
  return null;
}

interface Place {
  navigator?: { gpu?: GPU };
}

/** For ever: when the object of `create` is collected, the process aborts. */
let gpu: GPU | null = null;

/**
 * Node's way to adapters: `place.navigator.gpu` where there is one, else Dawn's, which is put there
 * too.
 *
 * @throws BackendError saying what to install
 */
export async function bringGpu(
  load: () => Promise<Dawn>,
  place: Place = globalThis as Place,
  findMissing: () => string | null = missingLoader,
): Promise<GPU> {
  const present = place.navigator?.gpu;
  if (present !== undefined && present !== null) return present;
  gpu ??= await startDawn(load, findMissing);
  // Node 20 has no navigator.
  if (place.navigator === undefined) {
    Object.defineProperty(place, 'navigator', { value: {}, configurable: true, writable: true });
  }
  Object.defineProperty(place.navigator, 'gpu', { value: gpu, configurable: true });
  return gpu;
}

async function startDawn(
  load: () => Promise<Dawn>,
  findMissing: () => string | null,
): Promise<GPU> {
  let dawn: Dawn;
  try {
    dawn = await load();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new BackendError(
      "webgpu: expected the package 'webgpu', which brings WebGPU to Node, got: " +
        `${reason} (npm install webgpu)`,
    );
  }
  const missing = findMissing();
  if (missing !== null) {
    throw new BackendError(`webgpu: expected a WebGPU adapter, got none: ${missing}. ${NODE_HINT}`);
  }
  return dawn.create([]);
}

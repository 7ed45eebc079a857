// Where no Vulkan driver is installed, tells Dawn (WebGPU in Node) of the one for the CPU that
// Debian's Chromium brings, with its loader. Import it in the process that starts the others: the
// dynamic linker reads the environment when a process begins.
import { existsSync, readdirSync } from 'node:fs';

const FOLDERS = ['/usr/share/vulkan/icd.d', '/etc/vulkan/icd.d', '/usr/local/share/vulkan/icd.d'];
const CHROMIUM = '/usr/lib/chromium';

/** Mesa's own driver for the CPU gives no adapter to Dawn. */
const isUsable = (file: string): boolean => file.endsWith('.json') && !file.startsWith('lvp_');

/** What the environment lacks for WebGPU in Node; nothing where a driver is installed or named. */
export function softwareVulkan(environment: NodeJS.ProcessEnv): Record<string, string> {
  if (environment.VK_ICD_FILENAMES || environment.VK_DRIVER_FILES) return {};
  const drivers = FOLDERS.filter(existsSync).flatMap((folder) => readdirSync(folder));
  const own = `${CHROMIUM}/vk_swiftshader_icd.json`;
  if (drivers.some(isUsable) || !existsSync(own)) return {};
  const libraries = environment.LD_LIBRARY_PATH;
  return {
    VK_ICD_FILENAMES: own,
    LD_LIBRARY_PATH: libraries ? `${libraries}:${CHROMIUM}` : CHROMIUM,
    XDG_RUNTIME_DIR: environment.XDG_RUNTIME_DIR || '/tmp',
  };
}

Object.assign(process.env, softwareVulkan(process.env));

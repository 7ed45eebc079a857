// Entry of the process that measures a GPU: `gpu-child.ts limits` its ceilings, with `sweep`
// Tenon's large kernels too.
import type { GpuReply, GpuRow } from './gpu-protocol.ts';
import { measureGpuCopy, sweepGpu } from './limits/webgpu.ts';
import { openGpu } from './systems/gpu.ts';

const CPU_NAMES = /swiftshader|llvmpipe|lavapipe|basic render/i;

async function measure(isSweep: boolean): Promise<GpuReply> {
  const gpu = openGpu();
  const adapter = await gpu.requestAdapter();
  if (adapter === null) throw new Error('expected a WebGPU adapter, got none');
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  const device = await adapter.requestDevice({
    requiredLimits: { maxBufferSize, maxStorageBufferBindingSize },
  });
  const { vendor, architecture, device: name, description } = adapter.info;
  const words = [vendor, architecture, name, description].filter((word) => word !== '').join(' ');
  const isCpu = CPU_NAMES.test(words);
  const ceiling = async (): Promise<number> =>
    Math.max(...(await sweepGpu(device, isCpu)).map(({ gflops }) => gflops));
  const before = [await ceiling(), await measureGpuCopy(device, isCpu)] as const;
  let rows: readonly GpuRow[] = [];
  if (isSweep) {
    const { sweepTenon } = await import('./gpu-sweep.ts');
    rows = await sweepTenon(gpu);
  }
  // Again, as the other limits: noise only ever lowers a peak.
  const after = isSweep
    ? ([await ceiling(), await measureGpuCopy(device, isCpu)] as const)
    : before;
  device.destroy();
  return {
    type: 'gpu',
    adapter: words,
    isCpu,
    gflops: Math.max(before[0], after[0]),
    gbPerS: Math.max(before[1], after[1]),
    rows,
  };
}

const isSweep = process.argv[2] === 'sweep';
const reply = await measure(isSweep).catch((error: unknown): GpuReply => {
  return { type: 'failed', message: error instanceof Error ? error.message : String(error) };
});
process.send?.(reply, () => process.exit(0));

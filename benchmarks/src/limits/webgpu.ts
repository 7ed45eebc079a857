// The ceilings of a WebGPU device: the largest multiply-add rate over a sweep of accumulator
// counts, workgroup sizes and forms, and the speed of a copy kernel. Each work is made long enough
// that waiting for its end costs nothing beside it.

/** How one rate loop is written. */
export interface Mix {
  /** vec4 accumulators of an invocation. */
  readonly accumulators: number;
  readonly workgroup: number;
  /** `fma(a, s, b)`, or `a * s + b`, which a driver may contract or not. */
  readonly form: 'fma' | 'mul-add';
}

/** The loops that are tried. */
export const SWEEP: readonly Mix[] = (['fma', 'mul-add'] as const).flatMap((form) =>
  [1, 2, 4, 8].flatMap((accumulators) =>
    [64, 256].map((workgroup) => ({ accumulators, workgroup, form })),
  ),
);

const INVOCATIONS = 2 ** 18;
const UNROLL = 8;
const ENOUGH_MS = 40;
const REPEATS = 3;
const GROUP = 256;
/** Beyond every cache; less where the device allows less. */
const COPY_BYTES = 2 ** 28;
const CPU_COPY_BYTES = 2 ** 26;

/** WGSL of one loop: each chain is x ← x·s + b with s = b = ½, so it stays near 1. */
export function rateShader({ accumulators, workgroup, form }: Mix): string {
  const names = Array.from({ length: accumulators }, (_, i) => `a${i}`);
  const step = (a: string): string =>
    form === 'fma' ? `${a} = fma(${a}, s, b);` : `${a} = ${a} * s + b;`;
  return `struct Words { steps: u32, half: f32 }
@group(0) @binding(0) var<uniform> words: Words;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@compute @workgroup_size(${workgroup}) fn main(@builtin(global_invocation_id) id: vec3u) {
  let s = vec4f(words.half);
  let b = vec4f(words.half);
  ${names.map((a, i) => `var ${a} = vec4f(f32(id.x) * 1e-6 + ${i}.0);`).join(' ')}
  for (var i = 0u; i < words.steps; i++) {
    ${names.map(step).join(' ').concat('\n    ').repeat(UNROLL)}
  }
  let sum = ${names.join(' + ')};
  out[id.x] = sum.x + sum.y + sum.z + sum.w;
}`;
}

const COPY = `@group(0) @binding(0) var<storage, read> source: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> goal: array<vec4f>;
@compute @workgroup_size(${GROUP}) fn main(
  @builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let at = id.y * groups.x * ${GROUP}u + id.x;
  if (at < arrayLength(&goal)) { goal[at] = source[at]; }
}`;

interface Work {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
  readonly grid: readonly [number, number];
}

/** Milliseconds that `count` dispatches in one submit take. */
async function time(device: GPUDevice, work: Work, count: number): Promise<number> {
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(work.pipeline);
  pass.setBindGroup(0, work.group);
  for (let i = 0; i < count; i++) pass.dispatchWorkgroups(...work.grid);
  pass.end();
  const start = performance.now();
  device.queue.submit([encoder.finish()]);
  await device.queue.onSubmittedWorkDone();
  return performance.now() - start;
}

/** The shortest time of one dispatch, in ms, of enough of them to last. */
async function fastest(device: GPUDevice, work: Work): Promise<number> {
  let count = 1;
  let best = await time(device, work, 1);
  while (best < ENOUGH_MS && count < 4096) {
    count *= 2;
    best = await time(device, work, count);
  }
  for (let i = 0; i < REPEATS; i++) best = Math.min(best, await time(device, work, count));
  return best / count;
}

async function pipelineOf(device: GPUDevice, code: string): Promise<GPUComputePipeline> {
  const module = device.createShaderModule({ code });
  return device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
}

function bind(
  device: GPUDevice,
  pipeline: GPUComputePipeline,
  buffers: readonly GPUBuffer[],
): GPUBindGroup {
  const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
  return device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
}

const { STORAGE, COPY_DST, UNIFORM } = { STORAGE: 0x80, COPY_DST: 0x08, UNIFORM: 0x40 };

/** The rate of one loop, in GFLOP/s, at about `flops` operations a dispatch. */
async function rate(device: GPUDevice, mix: Mix, flops: number): Promise<number> {
  const perStep = 2 * 4 * mix.accumulators * UNROLL * INVOCATIONS;
  const steps = Math.max(1, Math.round(flops / perStep));
  const words = device.createBuffer({ size: 8, usage: UNIFORM | COPY_DST });
  const out = device.createBuffer({ size: INVOCATIONS * 4, usage: STORAGE });
  device.queue.writeBuffer(words, 0, Uint32Array.of(steps));
  device.queue.writeBuffer(words, 4, Float32Array.of(0.5));
  const pipeline = await pipelineOf(device, rateShader(mix));
  const group = bind(device, pipeline, [words, out]);
  const ms = await fastest(device, { pipeline, group, grid: [INVOCATIONS / mix.workgroup, 1] });
  for (const buffer of [words, out]) buffer.destroy();
  return (steps * perStep) / ms / 1e6;
}

/** Every loop with its rate. */
export async function sweepGpu(
  device: GPUDevice,
  isCpu: boolean,
): Promise<readonly { readonly mix: Mix; readonly gflops: number }[]> {
  const rates: { mix: Mix; gflops: number }[] = [];
  for (const mix of SWEEP) {
    rates.push({ mix, gflops: await rate(device, mix, isCpu ? 2e8 : 2e10) });
  }
  return rates;
}

/** Bytes read plus bytes written per second by a kernel that copies, GB/s. */
export async function measureGpuCopy(device: GPUDevice, isCpu: boolean): Promise<number> {
  const { maxStorageBufferBindingSize: most, maxBufferSize } = device.limits;
  const wanted = isCpu ? CPU_COPY_BYTES : COPY_BYTES;
  const size = Math.min(wanted, 2 ** Math.floor(Math.log2(Math.min(most, maxBufferSize))));
  const from = device.createBuffer({ size, usage: STORAGE });
  const to = device.createBuffer({ size, usage: STORAGE });
  const pipeline = await pipelineOf(device, COPY);
  const group = bind(device, pipeline, [from, to]);
  const groups = size / 16 / GROUP;
  const ms = await fastest(device, {
    pipeline,
    group,
    grid: [Math.min(groups, 2 ** 15), Math.max(1, groups / 2 ** 15)],
  });
  for (const buffer of [from, to]) buffer.destroy();
  return (2 * size) / ms / 1e6;
}

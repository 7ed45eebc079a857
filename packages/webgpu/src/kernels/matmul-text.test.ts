import { expect, test } from 'vitest';
import { VARIANTS } from '../device.ts';
import { compileOnly, testNull } from '../test-gpu.ts';
import { prepareMatmul } from './matmul.ts';
import { dense, LAYOUTS, type Product, recording, specOf, wordsOf } from './matmul-test-support.ts';

/** The texts of these products. */
async function textsOf(
  variant: (typeof VARIANTS)[number],
  float: 'f32' | 'f16',
  products: readonly Product[],
): Promise<string[]> {
  const nothing = await testNull();
  const device = recording(nothing, variant);
  const kernel = prepareMatmul(specOf(float), device);
  for (const p of products) {
    const args = wordsOf(p);
    const buffers = [nothing.alloc(1024), nothing.alloc(1024), nothing.alloc(1024)];
    const workspace = kernel.workspace(args);
    nothing.launch(kernel, workspace > 0 ? [...buffers, nothing.alloc(workspace)] : buffers, args);
  }
  expect(await Promise.all(device.sources.map(compileOnly))).toEqual(
    device.sources.map(() => null),
  );
  return device.sources.map(({ code }) => code);
}

test.each(VARIANTS)('f16 is summed in f32, %s', async (variant) => {
  const products = LAYOUTS.flatMap((layout) => [
    dense(16, 32, 8, layout),
    dense(7, 33, 5, layout),
    dense(8, 8, 3000, layout),
    dense(1280, 1280, 8, layout),
  ]);
  const texts = await textsOf(variant, 'f16', products);
  for (const text of texts) {
    expect(text).toMatch(/^enable f16;/);
    expect(text).toMatch(/= f16\(s|partial\[/);
    expect(text).not.toMatch(/vec4<f16>\(\)/);
  }
});

test('register', async () => {
  const [text] = await textsOf('register', 'f32', [dense(1, 32, 32)]);
  expect(text).toMatchInlineSnapshot(`
    "@group(0) @binding(0) var<uniform> words: array<vec4<u32>, 9>;
    @group(0) @binding(1) var<storage, read> a: array<vec4<f32>>;
    @group(0) @binding(2) var<storage, read> b: array<vec4<f32>>;
    @group(0) @binding(3) var<storage, read_write> x1: array<f32>;

    @compute @workgroup_size(8)
    fn main(
      @builtin(workgroup_id) group_id: vec3<u32>,
      @builtin(num_workgroups) group_count: vec3<u32>,
      @builtin(local_invocation_index) local: u32,
    ) {
      let group = group_id.x + group_count.x * (group_id.y + group_count.y * group_id.z);
      let M = words[0].z;
      let N = words[0].w;
      let tileN = group % words[4].x;
      let tileM = (group / words[4].x) % words[3].w;
      let plane = group / (words[4].x * words[3].w);
      let batch = plane / words[4].y;
      if (batch >= words[0].x * words[0].y) { return; }
      let i0 = batch / words[0].y;
      let i1 = batch % words[0].y;
      let begin = (plane % words[4].y) * words[4].z;
      let end = min(begin + words[4].z, words[1].x);
      let aStart = words[1].y + i0 * words[1].z + i1 * words[1].w + begin * words[2].y;
      let bStart = words[2].z + i0 * words[2].w + i1 * words[3].x + begin * words[3].y;
      let row = tileM * 1u;
      let column = tileN * 32u + local * 4u;
      var pa0 = (aStart + min(row + 0u, M - 1u) * words[2].x) / 4u;
      var pb0 = (bStart + min(column, N - 4u)) / 4u;
      let stepB = bitcast<u32>(bitcast<i32>(words[3].y) >> 2u);
      var c0_0 = vec4<f32>();
      var k = begin;
      for (; k + 3u < end; k += 4u) {
        let a0_0 = a[pa0];
        pa0 += 1u;
        let b0_v0 = b[pb0];
        pb0 += stepB;
        c0_0 += a0_0.x * b0_v0;
        let b1_v0 = b[pb0];
        pb0 += stepB;
        c0_0 += a0_0.y * b1_v0;
        let b2_v0 = b[pb0];
        pb0 += stepB;
        c0_0 += a0_0.z * b2_v0;
        let b3_v0 = b[pb0];
        pb0 += stepB;
        c0_0 += a0_0.w * b3_v0;
      }
      var sums = array<vec4<f32>, 1>(c0_0);
      let start = words[7].y + i0 * words[7].z + i1 * words[7].w;
      let strideM = words[8].x;
      let strideN = words[8].y;
      for (var i = 0u; i < 1u; i++) {
        let m = row + i;
        if (m >= M) { break; }
        let s0 = sums[i * 1u + 0u];
        if (column < N) {
          x1[start + m * strideM + (column) * strideN] = s0[0];
          x1[start + m * strideM + (column + 1u) * strideN] = s0[1];
          x1[start + m * strideM + (column + 2u) * strideN] = s0[2];
          x1[start + m * strideM + (column + 3u) * strideN] = s0[3];
        }
      }
    }
    "
  `);
});

test('workgroup', async () => {
  const [text] = await textsOf('workgroup', 'f32', [dense(16, 16, 16)]);
  expect(text).toMatchInlineSnapshot(`
    "@group(0) @binding(0) var<uniform> words: array<vec4<u32>, 9>;
    @group(0) @binding(1) var<storage, read> a: array<vec4<f32>>;
    @group(0) @binding(2) var<storage, read> b: array<vec4<f32>>;
    @group(0) @binding(3) var<storage, read_write> x1: array<f32>;
    var<workgroup> tile_a: array<vec4<f32>, 128>;
    var<workgroup> tile_b: array<vec4<f32>, 128>;
    @compute @workgroup_size(64)
    fn main(
      @builtin(workgroup_id) group_id: vec3<u32>,
      @builtin(num_workgroups) group_count: vec3<u32>,
      @builtin(local_invocation_index) local: u32,
    ) {
      let group = group_id.x + group_count.x * (group_id.y + group_count.y * group_id.z);
      let M = words[0].z;
      let N = words[0].w;
      let tileN = group % words[4].x;
      let tileM = (group / words[4].x) % words[3].w;
      let plane = group / (words[4].x * words[3].w);
      let batch = plane / words[4].y;
      if (batch >= words[0].x * words[0].y) { return; }
      let i0 = batch / words[0].y;
      let i1 = batch % words[0].y;
      let begin = (plane % words[4].y) * words[4].z;
      let end = min(begin + words[4].z, words[1].x);
      let aStart = words[1].y + i0 * words[1].z + i1 * words[1].w + begin * words[2].y;
      let bStart = words[2].z + i0 * words[2].w + i1 * words[3].x + begin * words[3].y;
      let tx = local % 8u;
      let ty = local / 8u;
      let aOuter = min(local, 31u) / 4u;
      let aInner = min(local, 31u) % 4u;
      let aFirst = tileM * 32u + aOuter * 4u;
      var ap0 = (aStart + aInner * 4u * words[2].y + min(aFirst + 0u, M - 1u) * words[2].x) / 4u;
      var ap1 = (aStart + aInner * 4u * words[2].y + min(aFirst + 1u, M - 1u) * words[2].x) / 4u;
      var ap2 = (aStart + aInner * 4u * words[2].y + min(aFirst + 2u, M - 1u) * words[2].x) / 4u;
      var ap3 = (aStart + aInner * 4u * words[2].y + min(aFirst + 3u, M - 1u) * words[2].x) / 4u;
      let bOuter = (max(local, 32u) - 32u) % 8u;
      let bInner = (max(local, 32u) - 32u) / 8u;
      let bFirst = tileN * 32u + bOuter * 4u;
      let bStep = bitcast<u32>(bitcast<i32>(words[3].y) >> 2u);
      var bp0 = (bStart + bInner * 4u * words[3].y + min(bFirst, N - 4u)) / 4u;
      var r0 = vec4<f32>();
      var r1 = vec4<f32>();
      var r2 = vec4<f32>();
      var r3 = vec4<f32>();
      var c0_0 = vec4<f32>();
      var c1_0 = vec4<f32>();
      var c2_0 = vec4<f32>();
      var c3_0 = vec4<f32>();
      var next = begin;
      loop {
        if (next < end) {
          if (local < 32u) {
            let v0 = a[ap0];
            let v1 = a[ap1];
            let v2 = a[ap2];
            let v3 = a[ap3];
            r0 = select(vec4<f32>(), vec4(v0.x, v1.x, v2.x, v3.x), next + aInner * 4u < end);
            r1 = select(vec4<f32>(), vec4(v0.y, v1.y, v2.y, v3.y), next + aInner * 4u < end);
            r2 = select(vec4<f32>(), vec4(v0.z, v1.z, v2.z, v3.z), next + aInner * 4u < end);
            r3 = select(vec4<f32>(), vec4(v0.w, v1.w, v2.w, v3.w), next + aInner * 4u < end);
            ap0 += 4u;
            ap1 += 4u;
            ap2 += 4u;
            ap3 += 4u;
          } else {
            r0 = select(vec4<f32>(), b[bp0], next + bInner * 4u + 0u < end);
            r1 = select(vec4<f32>(), b[bp0 + 1u * bStep], next + bInner * 4u + 1u < end);
            r2 = select(vec4<f32>(), b[bp0 + 2u * bStep], next + bInner * 4u + 2u < end);
            r3 = select(vec4<f32>(), b[bp0 + 3u * bStep], next + bInner * 4u + 3u < end);
            bp0 += 16u * bStep;
          }
        }
        if (next > begin) {
          for (var inner = 0u; inner < 4u; inner++) {
            let x = ty ^ (inner * 2u);
            let y = tx ^ (inner * 2u);
            let a0_0 = tile_a[(inner * 4u + 0u) * 8u + x];
            let b0_0 = tile_b[(inner * 4u + 0u) * 8u + y];
            c0_0 = fma(vec4(a0_0.x), b0_0, c0_0);
            c1_0 = fma(vec4(a0_0.y), b0_0, c1_0);
            c2_0 = fma(vec4(a0_0.z), b0_0, c2_0);
            c3_0 = fma(vec4(a0_0.w), b0_0, c3_0);
            let a1_0 = tile_a[(inner * 4u + 1u) * 8u + x];
            let b1_0 = tile_b[(inner * 4u + 1u) * 8u + y];
            c0_0 = fma(vec4(a1_0.x), b1_0, c0_0);
            c1_0 = fma(vec4(a1_0.y), b1_0, c1_0);
            c2_0 = fma(vec4(a1_0.z), b1_0, c2_0);
            c3_0 = fma(vec4(a1_0.w), b1_0, c3_0);
            let a2_0 = tile_a[(inner * 4u + 2u) * 8u + x];
            let b2_0 = tile_b[(inner * 4u + 2u) * 8u + y];
            c0_0 = fma(vec4(a2_0.x), b2_0, c0_0);
            c1_0 = fma(vec4(a2_0.y), b2_0, c1_0);
            c2_0 = fma(vec4(a2_0.z), b2_0, c2_0);
            c3_0 = fma(vec4(a2_0.w), b2_0, c3_0);
            let a3_0 = tile_a[(inner * 4u + 3u) * 8u + x];
            let b3_0 = tile_b[(inner * 4u + 3u) * 8u + y];
            c0_0 = fma(vec4(a3_0.x), b3_0, c0_0);
            c1_0 = fma(vec4(a3_0.y), b3_0, c1_0);
            c2_0 = fma(vec4(a3_0.z), b3_0, c2_0);
            c3_0 = fma(vec4(a3_0.w), b3_0, c3_0);
          }
        }
        if (next >= end) { break; }
        workgroupBarrier();
        if (local < 32u) {
          tile_a[(aInner * 4u + 0u) * 8u + (aOuter ^ (aInner * 2u))] = r0;
          tile_a[(aInner * 4u + 1u) * 8u + (aOuter ^ (aInner * 2u))] = r1;
          tile_a[(aInner * 4u + 2u) * 8u + (aOuter ^ (aInner * 2u))] = r2;
          tile_a[(aInner * 4u + 3u) * 8u + (aOuter ^ (aInner * 2u))] = r3;
        } else {
          tile_b[(bInner * 4u + 0u) * 8u + (bOuter ^ (bInner * 2u))] = r0;
          tile_b[(bInner * 4u + 1u) * 8u + (bOuter ^ (bInner * 2u))] = r1;
          tile_b[(bInner * 4u + 2u) * 8u + (bOuter ^ (bInner * 2u))] = r2;
          tile_b[(bInner * 4u + 3u) * 8u + (bOuter ^ (bInner * 2u))] = r3;
        }
        workgroupBarrier();
        next += 16u;
      }
      var sums = array<vec4<f32>, 4>(c0_0, c1_0, c2_0, c3_0);
      let start = words[7].y + i0 * words[7].z + i1 * words[7].w;
      let strideM = words[8].x;
      let strideN = words[8].y;
      for (var i = 0u; i < 4u; i++) {
        let m = tileM * 32u + ty * 4u + i;
        if (m >= M) { break; }
        let s0 = sums[i * 1u + 0u];
        if (tileN * 32u + tx * 4u < N) {
          x1[start + m * strideM + (tileN * 32u + tx * 4u) * strideN] = s0[0];
          x1[start + m * strideM + (tileN * 32u + tx * 4u + 1u) * strideN] = s0[1];
          x1[start + m * strideM + (tileN * 32u + tx * 4u + 2u) * strideN] = s0[2];
          x1[start + m * strideM + (tileN * 32u + tx * 4u + 3u) * strideN] = s0[3];
        }
      }
    }
    "
  `);
});

test('subgroup', async () => {
  const [text] = await textsOf('subgroup', 'f32', [dense(2, 16, 15)]);
  expect(text).toMatchInlineSnapshot(`
    "enable subgroups;
    @group(0) @binding(0) var<uniform> words: array<vec4<u32>, 9>;
    @group(0) @binding(1) var<storage, read> a: array<f32>;
    @group(0) @binding(2) var<storage, read> b: array<vec4<f32>>;
    @group(0) @binding(3) var<storage, read_write> x1: array<f32>;

    @compute @workgroup_size(32)
    fn main(
      @builtin(workgroup_id) group_id: vec3<u32>,
      @builtin(num_workgroups) group_count: vec3<u32>,
      @builtin(local_invocation_index) local: u32,
      @builtin(subgroup_invocation_id) lane: u32,
      @builtin(subgroup_size) lanes: u32,
    ) {
      let group = group_id.x + group_count.x * (group_id.y + group_count.y * group_id.z);
      let M = words[0].z;
      let N = words[0].w;
      let tileN = group % words[4].x;
      let tileM = (group / words[4].x) % words[3].w;
      let plane = group / (words[4].x * words[3].w);
      let batch = plane / words[4].y;
      if (batch >= words[0].x * words[0].y) { return; }
      let i0 = batch / words[0].y;
      let i1 = batch % words[0].y;
      let begin = (plane % words[4].y) * words[4].z;
      let end = min(begin + words[4].z, words[1].x);
      let aStart = words[1].y + i0 * words[1].z + i1 * words[1].w + begin * words[2].y;
      let bStart = words[2].z + i0 * words[2].w + i1 * words[3].x + begin * words[3].y;
      let row = tileM * 8u;
      let column = tileN * 128u + local * 4u;
      var pa0 = aStart + min(row + 0u, M - 1u) * words[2].x;
      var pa1 = aStart + min(row + 1u, M - 1u) * words[2].x;
      var pa2 = aStart + min(row + 2u, M - 1u) * words[2].x;
      var pa3 = aStart + min(row + 3u, M - 1u) * words[2].x;
      var pa4 = aStart + min(row + 4u, M - 1u) * words[2].x;
      var pa5 = aStart + min(row + 5u, M - 1u) * words[2].x;
      var pa6 = aStart + min(row + 6u, M - 1u) * words[2].x;
      var pa7 = aStart + min(row + 7u, M - 1u) * words[2].x;
      var pb0 = (bStart + min(column, N - 4u)) / 4u;
      let stepA = words[2].y;
      let stepB = bitcast<u32>(bitcast<i32>(words[3].y) >> 2u);
      let shared_k = (lane % 4u) * stepA;
      var c0_0 = vec4<f32>();
      var c1_0 = vec4<f32>();
      var c2_0 = vec4<f32>();
      var c3_0 = vec4<f32>();
      var c4_0 = vec4<f32>();
      var c5_0 = vec4<f32>();
      var c6_0 = vec4<f32>();
      var c7_0 = vec4<f32>();
      var k = begin;
      for (; k + 3u < end; k += 4u) {
        let a0 = a[pa0 + shared_k];
        pa0 += 4u * stepA;
        let a1 = a[pa1 + shared_k];
        pa1 += 4u * stepA;
        let a2 = a[pa2 + shared_k];
        pa2 += 4u * stepA;
        let a3 = a[pa3 + shared_k];
        pa3 += 4u * stepA;
        let a4 = a[pa4 + shared_k];
        pa4 += 4u * stepA;
        let a5 = a[pa5 + shared_k];
        pa5 += 4u * stepA;
        let a6 = a[pa6 + shared_k];
        pa6 += 4u * stepA;
        let a7 = a[pa7 + shared_k];
        pa7 += 4u * stepA;
        let a0_0 = subgroupBroadcast(a0, 0u);
        let a0_1 = subgroupBroadcast(a1, 0u);
        let a0_2 = subgroupBroadcast(a2, 0u);
        let a0_3 = subgroupBroadcast(a3, 0u);
        let a0_4 = subgroupBroadcast(a4, 0u);
        let a0_5 = subgroupBroadcast(a5, 0u);
        let a0_6 = subgroupBroadcast(a6, 0u);
        let a0_7 = subgroupBroadcast(a7, 0u);
        let b0_v0 = b[pb0];
        pb0 += stepB;
        c0_0 += a0_0 * b0_v0;
        c1_0 += a0_1 * b0_v0;
        c2_0 += a0_2 * b0_v0;
        c3_0 += a0_3 * b0_v0;
        c4_0 += a0_4 * b0_v0;
        c5_0 += a0_5 * b0_v0;
        c6_0 += a0_6 * b0_v0;
        c7_0 += a0_7 * b0_v0;
        let a1_0 = subgroupBroadcast(a0, 1u);
        let a1_1 = subgroupBroadcast(a1, 1u);
        let a1_2 = subgroupBroadcast(a2, 1u);
        let a1_3 = subgroupBroadcast(a3, 1u);
        let a1_4 = subgroupBroadcast(a4, 1u);
        let a1_5 = subgroupBroadcast(a5, 1u);
        let a1_6 = subgroupBroadcast(a6, 1u);
        let a1_7 = subgroupBroadcast(a7, 1u);
        let b1_v0 = b[pb0];
        pb0 += stepB;
        c0_0 += a1_0 * b1_v0;
        c1_0 += a1_1 * b1_v0;
        c2_0 += a1_2 * b1_v0;
        c3_0 += a1_3 * b1_v0;
        c4_0 += a1_4 * b1_v0;
        c5_0 += a1_5 * b1_v0;
        c6_0 += a1_6 * b1_v0;
        c7_0 += a1_7 * b1_v0;
        let a2_0 = subgroupBroadcast(a0, 2u);
        let a2_1 = subgroupBroadcast(a1, 2u);
        let a2_2 = subgroupBroadcast(a2, 2u);
        let a2_3 = subgroupBroadcast(a3, 2u);
        let a2_4 = subgroupBroadcast(a4, 2u);
        let a2_5 = subgroupBroadcast(a5, 2u);
        let a2_6 = subgroupBroadcast(a6, 2u);
        let a2_7 = subgroupBroadcast(a7, 2u);
        let b2_v0 = b[pb0];
        pb0 += stepB;
        c0_0 += a2_0 * b2_v0;
        c1_0 += a2_1 * b2_v0;
        c2_0 += a2_2 * b2_v0;
        c3_0 += a2_3 * b2_v0;
        c4_0 += a2_4 * b2_v0;
        c5_0 += a2_5 * b2_v0;
        c6_0 += a2_6 * b2_v0;
        c7_0 += a2_7 * b2_v0;
        let a3_0 = subgroupBroadcast(a0, 3u);
        let a3_1 = subgroupBroadcast(a1, 3u);
        let a3_2 = subgroupBroadcast(a2, 3u);
        let a3_3 = subgroupBroadcast(a3, 3u);
        let a3_4 = subgroupBroadcast(a4, 3u);
        let a3_5 = subgroupBroadcast(a5, 3u);
        let a3_6 = subgroupBroadcast(a6, 3u);
        let a3_7 = subgroupBroadcast(a7, 3u);
        let b3_v0 = b[pb0];
        pb0 += stepB;
        c0_0 += a3_0 * b3_v0;
        c1_0 += a3_1 * b3_v0;
        c2_0 += a3_2 * b3_v0;
        c3_0 += a3_3 * b3_v0;
        c4_0 += a3_4 * b3_v0;
        c5_0 += a3_5 * b3_v0;
        c6_0 += a3_6 * b3_v0;
        c7_0 += a3_7 * b3_v0;
      }
      for (; k + 0u < end; k += 1u) {
        let a0_0 = a[pa0];
        pa0 += stepA;
        let a0_1 = a[pa1];
        pa1 += stepA;
        let a0_2 = a[pa2];
        pa2 += stepA;
        let a0_3 = a[pa3];
        pa3 += stepA;
        let a0_4 = a[pa4];
        pa4 += stepA;
        let a0_5 = a[pa5];
        pa5 += stepA;
        let a0_6 = a[pa6];
        pa6 += stepA;
        let a0_7 = a[pa7];
        pa7 += stepA;
        let b0_v0 = b[pb0];
        pb0 += stepB;
        c0_0 += a0_0 * b0_v0;
        c1_0 += a0_1 * b0_v0;
        c2_0 += a0_2 * b0_v0;
        c3_0 += a0_3 * b0_v0;
        c4_0 += a0_4 * b0_v0;
        c5_0 += a0_5 * b0_v0;
        c6_0 += a0_6 * b0_v0;
        c7_0 += a0_7 * b0_v0;
      }
      var sums = array<vec4<f32>, 8>(c0_0, c1_0, c2_0, c3_0, c4_0, c5_0, c6_0, c7_0);
      let start = words[7].y + i0 * words[7].z + i1 * words[7].w;
      let strideM = words[8].x;
      let strideN = words[8].y;
      for (var i = 0u; i < 8u; i++) {
        let m = row + i;
        if (m >= M) { break; }
        let s0 = sums[i * 1u + 0u];
        if (column < N) {
          x1[start + m * strideM + (column) * strideN] = s0[0];
          x1[start + m * strideM + (column + 1u) * strideN] = s0[1];
          x1[start + m * strideM + (column + 2u) * strideN] = s0[2];
          x1[start + m * strideM + (column + 3u) * strideN] = s0[3];
        }
      }
    }
    "
  `);
});

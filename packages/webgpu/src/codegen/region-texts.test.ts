/** Generated text: a few representative shaders, so that a change shows its difference. */
import { describe, expect, test } from 'vitest';
import { add, bodyOf, rowSum, sourcesOf, strided, textOf } from './region-texts-support.ts';

describe('texts', () => {
  test('an addition of dense operands', () => {
    expect(textOf(add, 'register')).toMatchInlineSnapshot(`
      "@group(0) @binding(0) var<uniform> words: array<vec4<u32>, 3>;
      @group(0) @binding(1) var<storage, read> x0: array<f32>;
      @group(0) @binding(2) var<storage, read> x1: array<f32>;
      @group(0) @binding(3) var<storage, read_write> x2: array<f32>;

      @compute @workgroup_size(64)
      fn main(
        @builtin(workgroup_id) group_id: vec3<u32>,
        @builtin(num_workgroups) group_count: vec3<u32>,
        @builtin(local_invocation_index) local: u32,
      ) {
        let group = group_id.x + group_count.x * (group_id.y + group_count.y * group_id.z);
        let n0 = words[0].x;
        let o0 = words[0].y;
        let o1 = words[0].w;
        let o2 = words[1].y;
        let total = words[1].w;
        let span = words[2].y;
        let id = group * 64u + local;
        if (id >= total) { return; }
        let start = id * span;
        let end = min(start + span, n0);
        let s1 = x1[o1];
        var i = start;
        for (; i + 7u < end; i += 8u) {
          let q0 = o0 + i;
          let q2 = o2 + i;
          let s0_0 = x0[q0];
          let s0_1 = x0[q0 + 1u];
          let s0_2 = x0[q0 + 2u];
          let s0_3 = x0[q0 + 3u];
          let s0_4 = x0[q0 + 4u];
          let s0_5 = x0[q0 + 5u];
          let s0_6 = x0[q0 + 6u];
          let s0_7 = x0[q0 + 7u];
          let s2_0 = (s0_0 + s1);
          let s2_1 = (s0_1 + s1);
          let s2_2 = (s0_2 + s1);
          let s2_3 = (s0_3 + s1);
          let s2_4 = (s0_4 + s1);
          let s2_5 = (s0_5 + s1);
          let s2_6 = (s0_6 + s1);
          let s2_7 = (s0_7 + s1);
          x2[q2] = s2_0;
          x2[q2 + 1u] = s2_1;
          x2[q2 + 2u] = s2_2;
          x2[q2 + 3u] = s2_3;
          x2[q2 + 4u] = s2_4;
          x2[q2 + 5u] = s2_5;
          x2[q2 + 6u] = s2_6;
          x2[q2 + 7u] = s2_7;
        }
        for (; i < end; i += 1u) {
          let q0 = o0 + i;
          let q2 = o2 + i;
          let s0 = x0[q0];
          let s2 = (s0 + s1);
          x2[q2] = s2;
        }
      }
      "
    `);
  });
  test('a difference of a transposed operand and an iota', () => {
    expect(bodyOf(textOf(strided, 'workgroup'))).toMatchInlineSnapshot(`
      "  let group = group_id.x + group_count.x * (group_id.y + group_count.y * group_id.z);
        hidden_zero = select(0u, 1u, group_count.x == 0u);
        let n1 = words[0].y;
        let o0 = words[0].z;
        let t0_0 = words[0].w;
        let t0_1 = words[1].x;
        let o1 = words[1].y;
        let t1_0 = words[1].z;
        let o2 = words[2].x;
        let t2_0 = words[2].y;
        let total = words[2].w;
        let pieces = words[3].x;
        let id = group * 256u + local;
        if (id >= total) { return; }
        let row = id / pieces;
        let piece = id - row * pieces;
        let p0 = o0 + row * t0_0;
        let p1 = o1 + row * t1_0;
        let p2 = o2 + row * t2_0;
        let d0 = t0_1 * pieces;
        var i = piece;
        for (; i + 3u * pieces < n1; i += 4u * pieces) {
          let q0 = p0 + i * t0_1;
          let q1 = p1 + i;
          let q2 = p2 + i;
          let s0_0 = x0[q0];
          let s0_1 = x0[q0 + d0];
          let s0_2 = x0[q0 + 2u * d0];
          let s0_3 = x0[q0 + 3u * d0];
          let s1_0 = f32(bitcast<i32>(q1));
          let s1_1 = f32(bitcast<i32>(q1 + pieces));
          let s1_2 = f32(bitcast<i32>(q1 + 2u * pieces));
          let s1_3 = f32(bitcast<i32>(q1 + 3u * pieces));
          let s2_0 = (s0_0 - opaque(s1_0));
          let s2_1 = (s0_1 - opaque(s1_1));
          let s2_2 = (s0_2 - opaque(s1_2));
          let s2_3 = (s0_3 - opaque(s1_3));
          x2[q2] = s2_0;
          x2[q2 + pieces] = s2_1;
          x2[q2 + 2u * pieces] = s2_2;
          x2[q2 + 3u * pieces] = s2_3;
        }
        for (; i < n1; i += pieces) {
          let q0 = p0 + i * t0_1;
          let q1 = p1 + i;
          let q2 = p2 + i;
          let s0 = x0[q0];
          let s1 = f32(bitcast<i32>(q1));
          let s2 = (s0 - opaque(s1));
          x2[q2] = s2;
        }
      }
      "
    `);
  });
  test('row sum, register', () => {
    expect(textOf(rowSum, 'register')).toMatchInlineSnapshot(`
      "@group(0) @binding(0) var<uniform> words: array<vec4<u32>, 4>;
      @group(0) @binding(1) var<storage, read> x0: array<f32>;
      @group(0) @binding(2) var<storage, read_write> x1: array<f32>;
      fn sum_add(a: vec2<f32>, x: f32) -> vec2<f32> {
        let value = x + a.y;
        let sum = a.x + value;
        let part = sum - a.x;
        let lost = (a.x - (sum - part)) + (value - part);
        let exponent = bitcast<u32>(lost) & 0x7f800000u;
        return vec2<f32>(sum, select(lost, 0.0, exponent == 0x7f800000u));
      }
      fn sum_merge(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
        let sum = sum_add(vec2<f32>(a.x, 0.0), b.x);
        return sum_add(vec2<f32>(sum.x, 0.0), sum.y + (a.y + b.y));
      }
      @compute @workgroup_size(16)
      fn main(
        @builtin(workgroup_id) group_id: vec3<u32>,
        @builtin(num_workgroups) group_count: vec3<u32>,
        @builtin(local_invocation_index) local: u32,
      ) {
        let group = group_id.x + group_count.x * (group_id.y + group_count.y * group_id.z);
        let n1 = words[0].y;
        let o0 = words[0].z;
        let t0_0 = words[0].w;
        let o1 = words[1].y;
        let total = words[2].x;
        let id = group * 16u + local;
        if (id >= total) { return; }
        let row = id;
        let p0 = o0 + row * t0_0;
        let p1 = o1 + row;
        var a1: vec2<f32> = vec2<f32>(0.0, 0.0);
        {
          var i = 0u;
          for (; i + 7u < n1; i += 8u) {
            let q0 = p0 + i;
            let s0_0 = x0[q0];
            let s0_1 = x0[q0 + 1u];
            let s0_2 = x0[q0 + 2u];
            let s0_3 = x0[q0 + 3u];
            let s0_4 = x0[q0 + 4u];
            let s0_5 = x0[q0 + 5u];
            let s0_6 = x0[q0 + 6u];
            let s0_7 = x0[q0 + 7u];
            a1 = sum_add(a1, s0_0);
            a1 = sum_add(a1, s0_1);
            a1 = sum_add(a1, s0_2);
            a1 = sum_add(a1, s0_3);
            a1 = sum_add(a1, s0_4);
            a1 = sum_add(a1, s0_5);
            a1 = sum_add(a1, s0_6);
            a1 = sum_add(a1, s0_7);
          }
          for (; i < n1; i += 1u) {
            let q0 = p0 + i;
            let s0 = x0[q0];
            a1 = sum_add(a1, s0);
          }
        }
        let s1 = (a1.x + a1.y);
        x1[p1] = s1;
      }
      "
    `);
  });
  test('row sum, workgroup', () => {
    expect(textOf(rowSum, 'workgroup')).toMatchInlineSnapshot(`
      "@group(0) @binding(0) var<uniform> words: array<vec4<u32>, 4>;
      @group(0) @binding(1) var<storage, read> x0: array<f32>;
      @group(0) @binding(2) var<storage, read_write> x1: array<f32>;
      fn sum_add(a: vec2<f32>, x: f32) -> vec2<f32> {
        let value = x + a.y;
        let sum = a.x + value;
        let part = sum - a.x;
        let lost = (a.x - (sum - part)) + (value - part);
        let exponent = bitcast<u32>(lost) & 0x7f800000u;
        return vec2<f32>(sum, select(lost, 0.0, exponent == 0x7f800000u));
      }
      fn sum_merge(a: vec2<f32>, b: vec2<f32>) -> vec2<f32> {
        let sum = sum_add(vec2<f32>(a.x, 0.0), b.x);
        return sum_add(vec2<f32>(sum.x, 0.0), sum.y + (a.y + b.y));
      }
      var<workgroup> held_f32x2: array<vec2<f32>, 256>;
      fn team_sum_f32x2(
        own: vec2<f32>, local: u32, member: u32, team: u32, pitch: u32,
      ) -> vec2<f32> {
        if (team <= 1u) { return own; }
        held_f32x2[local] = own;
        workgroupBarrier();
        for (var s = team; s > 1u;) {
          let next = max(s / 8u, 1u);
          if (member < next) {
            for (var m = member + next; m < s; m += next) {
              let other = local + (m - member) * pitch;
              held_f32x2[local] = sum_merge(held_f32x2[local], held_f32x2[other]);
            }
          }
          workgroupBarrier();
          s = next;
        }
        let result = held_f32x2[local - member * pitch];
        workgroupBarrier();
        return result;
      }
      @compute @workgroup_size(256)
      fn main(
        @builtin(workgroup_id) group_id: vec3<u32>,
        @builtin(num_workgroups) group_count: vec3<u32>,
        @builtin(local_invocation_index) local: u32,
      ) {
        let group = group_id.x + group_count.x * (group_id.y + group_count.y * group_id.z);
        let o0 = words[0].z;
        let t0_0 = words[0].w;
        let o1 = words[1].y;
        let total = words[2].x;
        let team = words[2].z;
        let reduced = words[3].y;
        let rows = 256u / team;
        let member = local % team;
        let id = group * rows + local / team;
        let pitch = 1u;
        let is_active = id < total;
        let row = id;
        let p0 = o0 + row * t0_0;
        let p1 = o1 + row;
        var a1: vec2<f32> = vec2<f32>(0.0, 0.0);
        {
          let end = select(0u, reduced, is_active);
          var i = member;
          for (; i + 3u * team < end; i += 4u * team) {
            let q0 = p0 + i;
            let s0_0 = x0[q0];
            let s0_1 = x0[q0 + team];
            let s0_2 = x0[q0 + 2u * team];
            let s0_3 = x0[q0 + 3u * team];
            a1 = sum_add(a1, s0_0);
            a1 = sum_add(a1, s0_1);
            a1 = sum_add(a1, s0_2);
            a1 = sum_add(a1, s0_3);
          }
          for (; i < end; i += team) {
            let q0 = p0 + i;
            let s0 = x0[q0];
            a1 = sum_add(a1, s0);
          }
        }
        a1 = team_sum_f32x2(a1, local, member, team, pitch);
        let s1 = (a1.x + a1.y);
        if (is_active && member == 0u) {
          x1[p1] = s1;
        }
      }
      "
    `);
  });
  test('row sum, subgroup: what differs from workgroup', () => {
    const lines = textOf(rowSum, 'workgroup').split('\n');
    const other = textOf(rowSum, 'subgroup').split('\n');
    expect(other.filter((line) => !lines.includes(line)).join('\n')).toMatchInlineSnapshot(`
      "enable subgroups;
        var value = own;
        if (team > 1u) { value = sum_merge(value, subgroupShuffleXor(value, 1u)); }
        if (team > 2u) { value = sum_merge(value, subgroupShuffleXor(value, 2u)); }
        if (team > 4u) { value = sum_merge(value, subgroupShuffleXor(value, 4u)); }
        if (team > 8u) { value = sum_merge(value, subgroupShuffleXor(value, 8u)); }
        if (team > 16u) { value = sum_merge(value, subgroupShuffleXor(value, 16u)); }
        if (team <= 32u) { return value; }
        held_f32x2[local] = value;
        for (var s = team; s > 32u;) {
          let next = max(s / 8u, 32u);
        @builtin(subgroup_invocation_id) lane: u32,
        @builtin(subgroup_size) lanes: u32,"
    `);
  });
  test('the stages of a row sum in chunks', () => {
    const [, partial, combine] = sourcesOf(rowSum, 'register', true);
    expect(bodyOf(partial!.code)).toMatchInlineSnapshot(`
      "  let group = group_id.x + group_count.x * (group_id.y + group_count.y * group_id.z);
        let n1 = words[0].y;
        let o0 = words[0].z;
        let t0_0 = words[0].w;
        let total = words[2].x;
        let kept = words[2].y;
        let chunks = words[2].w;
        let share = words[3].x;
        let id = group * 16u + local;
        if (id >= total) { return; }
        let chunk = id / kept;
        let row = id - chunk * kept;
        let p0 = o0 + row * t0_0;
        var a1: vec2<f32> = vec2<f32>(0.0, 0.0);
        {
          let first = chunk * share;
          let end = min(first + share, n1);
          var i = first;
          for (; i + 7u < end; i += 8u) {
            let q0 = p0 + i;
            let s0_0 = x0[q0];
            let s0_1 = x0[q0 + 1u];
            let s0_2 = x0[q0 + 2u];
            let s0_3 = x0[q0 + 3u];
            let s0_4 = x0[q0 + 4u];
            let s0_5 = x0[q0 + 5u];
            let s0_6 = x0[q0 + 6u];
            let s0_7 = x0[q0 + 7u];
            a1 = sum_add(a1, s0_0);
            a1 = sum_add(a1, s0_1);
            a1 = sum_add(a1, s0_2);
            a1 = sum_add(a1, s0_3);
            a1 = sum_add(a1, s0_4);
            a1 = sum_add(a1, s0_5);
            a1 = sum_add(a1, s0_6);
            a1 = sum_add(a1, s0_7);
          }
          for (; i < end; i += 1u) {
            let q0 = p0 + i;
            let s0 = x0[q0];
            a1 = sum_add(a1, s0);
          }
        }
        work[(1u + chunk) * kept + row] = bitcast<u32>(a1.x);
        work[(1u + chunks + chunk) * kept + row] = bitcast<u32>(a1.y);
      }
      "
    `);
    expect(bodyOf(combine!.code)).toMatchInlineSnapshot(`
      "  let group = group_id.x + group_count.x * (group_id.y + group_count.y * group_id.z);
        let o1 = words[1].y;
        let total = words[2].x;
        let kept = words[2].y;
        let chunks = words[2].w;
        let id = group * 16u + local;
        if (id >= total) { return; }
        let row = id;
        let p1 = o1 + row;
        var a1: vec2<f32> = vec2<f32>(0.0, 0.0);
        for (var chunk = 0u; chunk < chunks; chunk += 1u) {
          let bits1 = work[(1u + chunk) * kept + row];
          let lost1 = work[(1u + chunks + chunk) * kept + row];
          a1 = sum_merge(a1, bitcast<vec2<f32>>(vec2<u32>(bits1, lost1)));
        }
        let s1 = (a1.x + a1.y);
        work[0u * kept + row] = bitcast<u32>(s1);
        x1[p1] = s1;
      }
      "
    `);
  });
});

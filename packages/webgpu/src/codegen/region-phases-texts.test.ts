/** Generated text of dependent reductions, and texts with halves, which only compile here. */
import type { DType } from '@tenon/core';
import { describe, expect, test } from 'vitest';
import { compileOnly } from '../test-gpu.ts';
import { constant, load, type TestRegion } from './region-test-support.ts';
import { add, bodyOf, softmax, sourcesOf, strided, textOf } from './region-texts-support.ts';

describe('texts of dependent reductions', () => {
  test('softmax, register: exp waits in the output', () => {
    expect(bodyOf(textOf(softmax, 'register'))).toMatchInlineSnapshot(`
      "  let group = group_id.x + group_count.x * (group_id.y + group_count.y * group_id.z);
        hidden_zero = select(0u, 1u, group_count.x == 0u);
        let n1 = words[0].y;
        let o0 = words[0].z;
        let t0_0 = words[0].w;
        let o1 = words[1].y;
        let t1_0 = words[1].z;
        let total = words[2].x;
        let id = group * 16u + local;
        if (id >= total) { return; }
        let row = id;
        let p0 = o0 + row * t0_0;
        let p1 = o1 + row * t1_0;
        var a1: i32 = (-0x7f800000 - 1);
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
            a1 = max(a1, max_key(s0_0));
            a1 = max(a1, max_key(s0_1));
            a1 = max(a1, max_key(s0_2));
            a1 = max(a1, max_key(s0_3));
            a1 = max(a1, max_key(s0_4));
            a1 = max(a1, max_key(s0_5));
            a1 = max(a1, max_key(s0_6));
            a1 = max(a1, max_key(s0_7));
          }
          for (; i < n1; i += 1u) {
            let q0 = p0 + i;
            let s0 = x0[q0];
            a1 = max(a1, max_key(s0));
          }
        }
        let s1 = key_value(a1);
        var a4: vec2<f32> = vec2<f32>(0.0, 0.0);
        {
          var i = 0u;
          for (; i + 7u < n1; i += 8u) {
            let q0 = p0 + i;
            let q1 = p1 + i;
            let s0_0 = x0[q0];
            let s0_1 = x0[q0 + 1u];
            let s0_2 = x0[q0 + 2u];
            let s0_3 = x0[q0 + 3u];
            let s0_4 = x0[q0 + 4u];
            let s0_5 = x0[q0 + 5u];
            let s0_6 = x0[q0 + 6u];
            let s0_7 = x0[q0 + 7u];
            let s2_0 = (s0_0 - opaque(s1));
            let s2_1 = (s0_1 - opaque(s1));
            let s2_2 = (s0_2 - opaque(s1));
            let s2_3 = (s0_3 - opaque(s1));
            let s2_4 = (s0_4 - opaque(s1));
            let s2_5 = (s0_5 - opaque(s1));
            let s2_6 = (s0_6 - opaque(s1));
            let s2_7 = (s0_7 - opaque(s1));
            let s3_0 = exp_(s2_0);
            let s3_1 = exp_(s2_1);
            let s3_2 = exp_(s2_2);
            let s3_3 = exp_(s2_3);
            let s3_4 = exp_(s2_4);
            let s3_5 = exp_(s2_5);
            let s3_6 = exp_(s2_6);
            let s3_7 = exp_(s2_7);
            x1[q1] = s3_0;
            x1[q1 + 1u] = s3_1;
            x1[q1 + 2u] = s3_2;
            x1[q1 + 3u] = s3_3;
            x1[q1 + 4u] = s3_4;
            x1[q1 + 5u] = s3_5;
            x1[q1 + 6u] = s3_6;
            x1[q1 + 7u] = s3_7;
            a4 = sum_add(a4, s3_0);
            a4 = sum_add(a4, s3_1);
            a4 = sum_add(a4, s3_2);
            a4 = sum_add(a4, s3_3);
            a4 = sum_add(a4, s3_4);
            a4 = sum_add(a4, s3_5);
            a4 = sum_add(a4, s3_6);
            a4 = sum_add(a4, s3_7);
          }
          for (; i < n1; i += 1u) {
            let q0 = p0 + i;
            let q1 = p1 + i;
            let s0 = x0[q0];
            let s2 = (s0 - opaque(s1));
            let s3 = exp_(s2);
            x1[q1] = s3;
            a4 = sum_add(a4, s3);
          }
        }
        let s4 = (a4.x + a4.y);
        {
          var i = 0u;
          for (; i + 7u < n1; i += 8u) {
            let q1 = p1 + i;
            let s3_0 = x1[q1];
            let s3_1 = x1[q1 + 1u];
            let s3_2 = x1[q1 + 2u];
            let s3_3 = x1[q1 + 3u];
            let s3_4 = x1[q1 + 4u];
            let s3_5 = x1[q1 + 5u];
            let s3_6 = x1[q1 + 6u];
            let s3_7 = x1[q1 + 7u];
            let s5_0 = (s3_0 / opaque(s4));
            let s5_1 = (s3_1 / opaque(s4));
            let s5_2 = (s3_2 / opaque(s4));
            let s5_3 = (s3_3 / opaque(s4));
            let s5_4 = (s3_4 / opaque(s4));
            let s5_5 = (s3_5 / opaque(s4));
            let s5_6 = (s3_6 / opaque(s4));
            let s5_7 = (s3_7 / opaque(s4));
            x1[q1] = s5_0;
            x1[q1 + 1u] = s5_1;
            x1[q1 + 2u] = s5_2;
            x1[q1 + 3u] = s5_3;
            x1[q1 + 4u] = s5_4;
            x1[q1 + 5u] = s5_5;
            x1[q1 + 6u] = s5_6;
            x1[q1 + 7u] = s5_7;
          }
          for (; i < n1; i += 1u) {
            let q1 = p1 + i;
            let s3 = x1[q1];
            let s5 = (s3 / opaque(s4));
            x1[q1] = s5;
          }
        }
      }
      "
    `);
  });
  test('softmax, workgroup and subgroup: exp is computed twice', () => {
    expect(bodyOf(textOf(softmax, 'workgroup'))).toMatchInlineSnapshot(`
      "  let group = group_id.x + group_count.x * (group_id.y + group_count.y * group_id.z);
        hidden_zero = select(0u, 1u, group_count.x == 0u);
        let o0 = words[0].z;
        let t0_0 = words[0].w;
        let o1 = words[1].y;
        let t1_0 = words[1].z;
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
        let p1 = o1 + row * t1_0;
        var a1: i32 = (-0x7f800000 - 1);
        {
          let end = select(0u, reduced, is_active);
          var i = member;
          for (; i + 3u * team < end; i += 4u * team) {
            let q0 = p0 + i;
            let s0_0 = x0[q0];
            let s0_1 = x0[q0 + team];
            let s0_2 = x0[q0 + 2u * team];
            let s0_3 = x0[q0 + 3u * team];
            a1 = max(a1, max_key(s0_0));
            a1 = max(a1, max_key(s0_1));
            a1 = max(a1, max_key(s0_2));
            a1 = max(a1, max_key(s0_3));
          }
          for (; i < end; i += team) {
            let q0 = p0 + i;
            let s0 = x0[q0];
            a1 = max(a1, max_key(s0));
          }
        }
        a1 = team_max_i32(a1, local, member, team, pitch);
        let s1 = key_value(a1);
        var a4: vec2<f32> = vec2<f32>(0.0, 0.0);
        {
          let end = select(0u, reduced, is_active);
          var i = member;
          for (; i + 3u * team < end; i += 4u * team) {
            let q0 = p0 + i;
            let s0_0 = x0[q0];
            let s0_1 = x0[q0 + team];
            let s0_2 = x0[q0 + 2u * team];
            let s0_3 = x0[q0 + 3u * team];
            let s2_0 = (s0_0 - opaque(s1));
            let s2_1 = (s0_1 - opaque(s1));
            let s2_2 = (s0_2 - opaque(s1));
            let s2_3 = (s0_3 - opaque(s1));
            let s3_0 = exp_(s2_0);
            let s3_1 = exp_(s2_1);
            let s3_2 = exp_(s2_2);
            let s3_3 = exp_(s2_3);
            a4 = sum_add(a4, s3_0);
            a4 = sum_add(a4, s3_1);
            a4 = sum_add(a4, s3_2);
            a4 = sum_add(a4, s3_3);
          }
          for (; i < end; i += team) {
            let q0 = p0 + i;
            let s0 = x0[q0];
            let s2 = (s0 - opaque(s1));
            let s3 = exp_(s2);
            a4 = sum_add(a4, s3);
          }
        }
        a4 = team_sum_f32x2(a4, local, member, team, pitch);
        let s4 = (a4.x + a4.y);
        {
          let end = select(0u, reduced, is_active);
          var i = member;
          for (; i + 3u * team < end; i += 4u * team) {
            let q0 = p0 + i;
            let q1 = p1 + i;
            let s0_0 = x0[q0];
            let s0_1 = x0[q0 + team];
            let s0_2 = x0[q0 + 2u * team];
            let s0_3 = x0[q0 + 3u * team];
            let s2_0 = (s0_0 - opaque(s1));
            let s2_1 = (s0_1 - opaque(s1));
            let s2_2 = (s0_2 - opaque(s1));
            let s2_3 = (s0_3 - opaque(s1));
            let s3_0 = exp_(s2_0);
            let s3_1 = exp_(s2_1);
            let s3_2 = exp_(s2_2);
            let s3_3 = exp_(s2_3);
            let s5_0 = (s3_0 / opaque(s4));
            let s5_1 = (s3_1 / opaque(s4));
            let s5_2 = (s3_2 / opaque(s4));
            let s5_3 = (s3_3 / opaque(s4));
            x1[q1] = s5_0;
            x1[q1 + team] = s5_1;
            x1[q1 + 2u * team] = s5_2;
            x1[q1 + 3u * team] = s5_3;
          }
          for (; i < end; i += team) {
            let q0 = p0 + i;
            let q1 = p1 + i;
            let s0 = x0[q0];
            let s2 = (s0 - opaque(s1));
            let s3 = exp_(s2);
            let s5 = (s3 / opaque(s4));
            x1[q1] = s5;
          }
        }
      }
      "
    `);
    expect(bodyOf(textOf(softmax, 'subgroup'))).toBe(bodyOf(textOf(softmax, 'workgroup')));
  });
});

describe('halves', () => {
  const half = (region: TestRegion): TestRegion => {
    const dtype: DType = 'f16';
    return {
      ...region,
      inputs: region.inputs.map((input) => ({ ...input, dtype })),
      outputs: region.outputs.map((output) => ({ ...output, dtype })),
      steps: region.steps.map((step) =>
        'from' in step ? { ...step, dtype, from: dtype } : { ...step, dtype },
      ),
    };
  };
  const cast: TestRegion = {
    kept: [4],
    reduced: [],
    inputs: [
      { dtype: 'f16', data: [], strides: [1] },
      { dtype: 'i32', data: [], strides: [1] },
    ],
    constants: [{ dtype: 'f16', value: 1 }],
    outputs: [
      { step: 3, dtype: 'f32', strides: [1], length: 4 },
      { step: 4, dtype: 'f16', strides: [1], length: 4 },
      { step: 2, dtype: 'f16', strides: [1], length: 4 },
    ],
    steps: [
      load(0, 'f16'),
      load(1, 'i32'),
      constant(0, 'f16'),
      { op: 'cast', args: [0], dtype: 'f32', from: 'f16' },
      { op: 'cast', args: [1], dtype: 'f16', from: 'i32' },
    ],
  };

  test('maps, reductions and their stages compile on a device that has them', async () => {
    for (const variant of ['register', 'workgroup', 'subgroup'] as const) {
      const sources = [half(add), half(strided), cast, half(softmax)].flatMap((region) =>
        sourcesOf(region, variant, true),
      );
      expect(sources.every(({ code }) => code.includes('enable f16;'))).toBe(true);
      for (const source of sources) expect(await compileOnly(source)).toBe(null);
    }
  });
});

import { expect, test } from 'vitest';
import { compileOnly } from '../test-gpu.ts';
import { PRELUDE } from './prelude.ts';
import { accessOf, type Binding, floatWord, intWord, shaderText, typeOf, word } from './shader.ts';

const BINDINGS: readonly Binding[] = [
  { name: 'x', dtype: 'f16', access: 'r', vec4: true },
  { name: 'mask', dtype: 'bool', access: 'r' },
  { name: 'out', dtype: 'f32', access: 'w' },
];

test('the text of a module', async () => {
  const code = shaderText({
    bindings: BINDINGS,
    words: 5,
    workgroup: 32,
    features: ['f16', 'subgroups'],
    declarations: 'var<workgroup> tile: array<f32, 32>;',
    body: `tile[local] = f32(x[group].x) * ${floatWord(4)};

if (lane == 0u) {
  out[group] = tile[local] + f32(mask[${word(3)}] + ${intWord(0)} + i32(lanes));
}`,
  });
  expect(code).toMatchInlineSnapshot(`
    "enable f16;
    enable subgroups;
    @group(0) @binding(0) var<uniform> words: array<vec4<u32>, 2>;
    @group(0) @binding(1) var<storage, read> x: array<vec4<f16>>;
    @group(0) @binding(2) var<storage, read> mask: array<i32>;
    @group(0) @binding(3) var<storage, read_write> out: array<f32>;
    var<workgroup> tile: array<f32, 32>;
    @compute @workgroup_size(32)
    fn main(
      @builtin(workgroup_id) group_id: vec3<u32>,
      @builtin(num_workgroups) group_count: vec3<u32>,
      @builtin(local_invocation_index) local: u32,
      @builtin(subgroup_invocation_id) lane: u32,
      @builtin(subgroup_size) lanes: u32,
    ) {
      let group = group_id.x + group_count.x * (group_id.y + group_count.y * group_id.z);
      tile[local] = f32(x[group].x) * bitcast<f32>(words[1].x);

      if (lane == 0u) {
        out[group] = tile[local] + f32(mask[words[0].w] + bitcast<i32>(words[0].x) + i32(lanes));
      }
    }
    "
  `);
  const source = { label: 'sample', code, access: accessOf(BINDINGS), words: 5 };
  expect(await compileOnly(source)).toBe(null);
  expect(await compileOnly({ ...source, code: code.replace('tile[', 'tiles[') })).toMatch(
    "unresolved value 'tiles'",
  );
});

test('names that are not there, and dtypes that WGSL lacks', () => {
  const parts = { bindings: [], words: 1, workgroup: 1, body: '' };
  expect(() => shaderText({ ...parts, prelude: ['nothing_like_it'] })).toThrow('nothing_like_it');
  expect(() => typeOf('f64')).toThrow('no f64');
});

test('prelude functions come after what they need, each once', () => {
  const code = shaderText({
    bindings: [],
    words: 1,
    workgroup: 1,
    body: '',
    prelude: Object.keys(PRELUDE),
  });
  for (const { needs, text } of Object.values(PRELUDE)) {
    const at = code.indexOf(text.trim());
    expect(code.indexOf(text.trim(), at + 1)).toBe(-1);
    for (const name of needs) {
      expect(code.indexOf(PRELUDE[name]?.text.trim() ?? '?')).toBeGreaterThanOrEqual(0);
      expect(code.indexOf(PRELUDE[name]?.text.trim() ?? '?')).toBeLessThan(at);
    }
  }
});

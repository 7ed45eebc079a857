// Detection in places that are made up: what works, and the reason in words for what does not.
import { expect, test } from 'vitest';
import { detectFeatures, type Surroundings } from './features.ts';

const here: Surroundings = globalThis as Surroundings;
const { WebAssembly: wasm } = globalThis;

/** The place we are in, with some of it changed. */
function place(changes: Partial<Surroundings>): Surroundings {
  return { WebAssembly: wasm, SharedArrayBuffer, process: here.process, ...changes };
}

const ISOLATION =
  '(serve it with Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: ' +
  'require-corp)';

test('here everything works that this Node has', () => {
  const features = detectFeatures();
  const hasRelaxed = Number(process.versions.node.split('.')[0]) >= 22;
  expect(features).toMatchObject({ wasm: true, simd: true, threads: true, canWait: true });
  expect(features.relaxed === true).toBe(hasRelaxed);
});

test('no WebAssembly at all', () => {
  const features = detectFeatures({});
  expect(features.wasm).toBe('WebAssembly does not exist here');
  expect(features.simd).not.toBe(true);
});

test('a policy that forbids compiling is named', () => {
  const forbidden = {
    ...{ validate: wasm.validate, Memory: wasm.Memory },
    Module: class {
      constructor() {
        throw new Error('Refused to compile');
      }
    },
  };
  expect(detectFeatures(place({ WebAssembly: forbidden })).wasm).toBe(
    "WebAssembly may not be compiled here: the content security policy lacks 'wasm-unsafe-eval' " +
      '(Refused to compile)',
  );
});

test('an engine without SIMD has no relaxed SIMD either, and says which is missing', () => {
  const old = { validate: () => false, Memory: wasm.Memory, Module: wasm.Module };
  const features = detectFeatures(place({ WebAssembly: old }));
  expect(features.simd).toBe('this JavaScript engine has no wasm SIMD');
  expect(features.relaxed).toBe(features.simd);
});

test('an engine without relaxed SIMD', () => {
  const validate = (bytes: Uint8Array<ArrayBuffer>): boolean =>
    !bytes.includes(2, 30) && wasm.validate(bytes);
  const node20 = { validate, Memory: wasm.Memory, Module: wasm.Module };
  expect(detectFeatures(place({ WebAssembly: node20 }))).toMatchObject({
    simd: true,
    relaxed: 'this JavaScript engine has no relaxed wasm SIMD (Node: from 22)',
  });
});

test('a page that is not isolated, with and without the constructor', () => {
  const hidden = place({ SharedArrayBuffer: undefined, crossOriginIsolated: false });
  expect(detectFeatures(hidden).threads).toBe(
    `the page is not cross-origin isolated, so there is no SharedArrayBuffer ${ISOLATION}`,
  );
  expect(detectFeatures(place({ crossOriginIsolated: false })).threads).toBe(
    `the page is not cross-origin isolated, so memory cannot be shared with workers ${ISOLATION}`,
  );
});

test('no SharedArrayBuffer where isolation means nothing, and no workers', () => {
  expect(detectFeatures(place({ SharedArrayBuffer: undefined })).threads).toBe(
    'there is no SharedArrayBuffer here',
  );
  expect(detectFeatures(place({ process: undefined })).threads).toBe('there are no workers here');
});

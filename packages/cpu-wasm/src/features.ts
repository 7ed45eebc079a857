/**
 * What this place can do: SIMD, relaxed SIMD, shared memory; and for what it cannot, why, in words.
 */

/** A feature that works, or the reason why not. */
export type Feature = true | string;

/** What `detectFeatures` finds. */
export interface Features {
  /** Whether WebAssembly may be compiled: a content security policy can forbid it. */
  readonly wasm: Feature;
  /** 128-bit SIMD. */
  readonly simd: Feature;
  /** Relaxed SIMD: multiply and add in one instruction. */
  readonly relaxed: Feature;
  /** Shared memory. Whether workers start is only known once they have. */
  readonly threads: Feature;
  /** Whether this thread may sleep (a browser's main thread may only spin). */
  readonly canWait: boolean;
}

/** What detection looks at; tests pass their own. */
export interface Surroundings {
  readonly WebAssembly?: {
    validate(bytes: Uint8Array<ArrayBuffer>): boolean;
    readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
    readonly Memory: new (descriptor: WebAssembly.MemoryDescriptor) => { readonly buffer: unknown };
  };
  readonly SharedArrayBuffer?: unknown;
  readonly crossOriginIsolated?: boolean;
  readonly Worker?: unknown;
  readonly process?: unknown;
}

const HEADER = [0, 97, 115, 109, 1, 0, 0, 0];
/** () → v128: i32.const 0, i8x16.splat, i8x16.popcnt */
const SIMD = Uint8Array.of(
  ...HEADER,
  ...[1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11],
);
/** () → v128: two splats, i8x16.relaxed_swizzle */
const RELAXED = Uint8Array.of(
  ...HEADER,
  ...[1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15],
  ...[253, 128, 2, 11],
);

/** Why nothing runs, for a page whose policy forbids compiling, and elsewhere. */
function wasmFeature(place: Surroundings): Feature {
  const { WebAssembly: wasm } = place;
  if (wasm === undefined) return 'WebAssembly does not exist here';
  try {
    new wasm.Module(Uint8Array.from(HEADER));
    return true;
  } catch (error) {
    return (
      "WebAssembly may not be compiled here: the content security policy lacks 'wasm-unsafe-eval'" +
      ` (${error instanceof Error ? error.message : String(error)})`
    );
  }
}

function threadsFeature(place: Surroundings): Feature {
  if (place.SharedArrayBuffer === undefined) {
    return place.crossOriginIsolated === false
      ? 'the page is not cross-origin isolated, so there is no SharedArrayBuffer (serve it with ' +
          'Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp)'
      : 'there is no SharedArrayBuffer here';
  }
  if (place.crossOriginIsolated === false) {
    return (
      'the page is not cross-origin isolated, so memory cannot be shared with workers (serve it ' +
      'with Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp)'
    );
  }
  if (place.Worker === undefined && place.process === undefined) {
    return 'there are no workers here';
  }
  return true;
}

function mayWait(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0);
    return true;
  } catch {
    return false;
  }
}

/**
 * What `wasm` will find here, without starting anything: true for each feature, or why it is
 * missing.
 *
 * @param place what to look at; the global object unless a test passes its own
 * @example
 * ```ts
 * import { detectFeatures } from '@tenon/cpu-wasm';
 *
 * const { simd, threads } = detectFeatures();
 * console.log(simd, threads); // true, or the reason in words
 * ```
 */
export function detectFeatures(place: Surroundings = globalThis as Surroundings): Features {
  const wasm = wasmFeature(place);
  const validates = (bytes: Uint8Array<ArrayBuffer>): boolean =>
    wasm === true && place.WebAssembly?.validate(bytes) === true;
  const simd = validates(SIMD) || 'this JavaScript engine has no wasm SIMD';
  const relaxed =
    validates(RELAXED) || 'this JavaScript engine has no relaxed wasm SIMD (Node: from 22)';
  const threads = threadsFeature(place);
  return {
    wasm,
    simd,
    relaxed: simd === true ? relaxed : simd,
    threads,
    canWait: threads === true && mayWait(),
  };
}

/**
 * The golden file format: one gzip stream per family, holding a JSON table of samples and their
 * data. Layout, little endian: "TNGD", six u32 (version, JSON bytes, given floats, expected floats,
 * ints, bools), JSON, given and expected floats as four byte planes each, ints likewise, bools one
 * byte each. Data follows the JSON's order: inputs, outputs, cotangents, gradients, mutated inputs.
 * Written by tooling/goldens/encode.py, whose README says more. Needs no Node API.
 */

/** Element types in golden files; PyTorch's int64 is stored as i32 after a range check. */
export type GoldenDType = 'f32' | 'i32' | 'bool';

/** A dense row-major tensor of a golden sample; bool is one byte per element, 0 or 1. */
export interface GoldenTensor {
  readonly shape: readonly number[];
  readonly dtype: GoldenDType;
  readonly data: Float32Array | Int32Array | Uint8Array;
}

/** An argument of the recorded PyTorch call; plain arrays are Python tuples, lists or sizes. */
export type GoldenValue =
  | null
  | boolean
  | number
  | string
  | { readonly kind: 'tensor'; readonly index: number; readonly tensor: GoldenTensor }
  | { readonly kind: 'dtype'; readonly dtype: GoldenDType }
  | {
      readonly kind: 'slice';
      readonly start: number | null;
      readonly stop: number | null;
      readonly step: number | null;
    }
  | { readonly kind: 'ellipsis' }
  /** A Python list inside an index: integer-array indexing. Occurs in `__getitem__` only. */
  | { readonly kind: 'list'; readonly items: readonly GoldenValue[] }
  | readonly GoldenValue[];

/** One recorded PyTorch call: what went in, what came out, and the gradients. */
export interface GoldenSample {
  readonly family: string;
  /** PyTorch's name, as op_db spells it: `add`, `nn.functional.conv2d`, `__getitem__`. */
  readonly op: string;
  /** op_db's variant, or a label of an extra sample such as `specials`, `kinks`, `cast`. */
  readonly variant: string;
  readonly source: 'op_db' | 'extra';
  /** The precision in which the expected values were computed before rounding to float32. */
  readonly oracle: 'f64' | 'f32';
  /** The distinct input tensors; arguments refer to them by index. */
  readonly inputs: readonly GoldenTensor[];
  readonly args: readonly GoldenValue[];
  readonly kwargs: Readonly<Record<string, GoldenValue>>;
  readonly outputs: readonly GoldenTensor[];
  /** One per output, null where no gradient flows; null as a whole when nothing has a gradient. */
  readonly cotangents: readonly (GoldenTensor | null)[] | null;
  /** One per input: Σ over outputs of cotangentᵀ · ∂output/∂input; null where there is none. */
  readonly inputGrads: readonly (GoldenTensor | null)[] | null;
  /** One per input that the call changed in place (running statistics): its value afterwards. */
  readonly mutated: readonly (GoldenTensor | null)[] | null;
}

/** A golden file that is missing, truncated, corrupt or of another version. */
export class GoldenError extends Error {
  override readonly name: string = 'GoldenError';
  /** The family or file that could not be read. */
  readonly file: string;

  constructor(file: string, problem: string, options?: ErrorOptions) {
    super(`golden ${file}: ${problem} (restore the file or rerun tooling/goldens)`, options);
    this.file = file;
  }
}

const MAGIC = 'TNGD';
const VERSION = 1;
const HEADER_BYTES = 28;
const DTYPES = { f: 'f32', i: 'i32', b: 'bool' } as const;

/**
 * Reads one golden file.
 *
 * @param bytes the gzip file's bytes, or its contents where the server has unpacked them
 * @param family the name that goes into each sample and into errors
 * @returns the samples in file order
 * @throws GoldenError when the bytes are not a whole, unchanged golden file of this version
 * @example
 * const samples = await parseGolden(new Uint8Array(await response.arrayBuffer()), 'unary');
 */
export async function parseGolden(
  bytes: Uint8Array<ArrayBuffer>,
  family: string,
): Promise<GoldenSample[]> {
  // Servers that declare the gzip as a Content-Encoding leave the unpacking to fetch().
  const raw = magicOf(bytes) === MAGIC ? bytes : await gunzip(bytes, family);
  const { table, streams } = split(raw, family);
  const samples = table.map((entry, at) => decodeSample(entry, streams, family, at));
  streams.finish();
  return samples;
}

async function gunzip(bytes: Uint8Array<ArrayBuffer>, family: string): Promise<Uint8Array> {
  try {
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  } catch (error) {
    const problem = `expected a whole gzip file, got ${bytes.length} bytes that do not decompress`;
    throw new GoldenError(family, problem, { cause: error });
  }
}

function magicOf(raw: Uint8Array): string {
  return String.fromCharCode(...raw.subarray(0, MAGIC.length));
}

function split(raw: Uint8Array, family: string): { table: JsonObject[]; streams: Streams } {
  const magic = magicOf(raw);
  if (raw.length < HEADER_BYTES || magic !== MAGIC) {
    throw new GoldenError(family, `expected the header ${MAGIC}, got ${JSON.stringify(magic)}`);
  }
  const header = new DataView(raw.buffer, raw.byteOffset, HEADER_BYTES);
  const word = (i: number): number => header.getUint32(4 + 4 * i, true);
  if (word(0) !== VERSION) {
    throw new GoldenError(family, `expected format version ${VERSION}, got ${word(0)}`);
  }
  const sizes = [word(1), 4 * word(2), 4 * word(3), 4 * word(4), word(5)];
  const total = HEADER_BYTES + sizes.reduce((sum, size) => sum + size, 0);
  if (raw.length !== total) {
    throw new GoldenError(family, `expected ${total} bytes after gzip, got ${raw.length}`);
  }
  let offset = HEADER_BYTES;
  const parts = sizes.map((size) => {
    offset += size;
    return raw.subarray(offset - size, offset);
  });
  const [text, given, expected, ints, bools] = parts as [Uint8Array, ...Uint8Array[]];
  return {
    table: parseTable(text, family),
    streams: new Streams(family, {
      given: new Float32Array(joinPlanes(given!)),
      expected: new Float32Array(joinPlanes(expected!)),
      ints: new Int32Array(joinPlanes(ints!)),
      bools: bools!,
    }),
  };
}

function parseTable(text: Uint8Array, family: string): JsonObject[] {
  let table: unknown;
  try {
    table = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(text));
  } catch (error) {
    throw new GoldenError(family, 'expected a JSON table, got text that does not parse', {
      cause: error,
    });
  }
  if (Array.isArray(table) && table.every(isObject)) return table;
  throw new GoldenError(family, 'expected a JSON array of samples');
}

/** Four planes of bytes (all lowest bytes first) back to little-endian words. */
function joinPlanes(planes: Uint8Array): ArrayBuffer {
  const n = planes.length / 4;
  const words = new Uint8Array(planes.length);
  for (let b = 0; b < 4; b++) {
    for (let i = 0; i < n; i++) words[4 * i + b] = planes[b * n + i]!;
  }
  return words.buffer;
}

interface StreamData {
  given: Float32Array;
  expected: Float32Array;
  ints: Int32Array;
  bools: Uint8Array;
}

/** Hands out the data in the order it was written. */
class Streams {
  private readonly family: string;
  private readonly data: StreamData;
  private readonly at = { given: 0, expected: 0, ints: 0, bools: 0 };

  constructor(family: string, data: StreamData) {
    this.family = family;
    this.data = data;
  }

  take(spec: Spec, isGiven: boolean): GoldenTensor {
    const { dtype, shape } = spec;
    const key =
      dtype === 'f32' ? (isGiven ? 'given' : 'expected') : dtype === 'i32' ? 'ints' : 'bools';
    const start = this.at[key];
    const end = start + shape.reduce((size, n) => size * n, 1);
    if (end > this.data[key].length) {
      const problem = `expected ${end} values in ${key}, got ${this.data[key].length}`;
      throw new GoldenError(this.family, problem);
    }
    this.at[key] = end;
    return { shape, dtype, data: this.data[key].slice(start, end) };
  }

  /** Every value must have been used: the table and the data belong together. */
  finish(): void {
    for (const key of ['given', 'expected', 'ints', 'bools'] as const) {
      const left = this.data[key].length - this.at[key];
      if (left !== 0) throw new GoldenError(this.family, `${left} values of ${key} were not used`);
    }
    if (this.data.bools.some((value) => value > 1)) {
      throw new GoldenError(this.family, 'expected bools of 0 or 1, got another byte');
    }
  }
}

type JsonObject = Readonly<Record<string, unknown>>;

interface Spec {
  readonly dtype: GoldenDType;
  readonly shape: readonly number[];
}

/** Decodes the fields of one entry, naming the sample in its errors. */
class Entry {
  readonly family: string;
  readonly entry: JsonObject;
  readonly at: number;

  constructor(family: string, entry: JsonObject, at: number) {
    this.family = family;
    this.entry = entry;
    this.at = at;
  }

  fail(problem: string): never {
    throw new GoldenError(this.family, `sample ${this.at} (${String(this.entry.op)}): ${problem}`);
  }

  text<T extends string>(key: string, allowed?: readonly T[]): T {
    const value = this.entry[key];
    const found = allowed === undefined ? value : allowed.find((name) => name === value);
    if (typeof found !== 'string')
      return this.fail(`expected a known ${key}, got ${String(value)}`);
    return found as T;
  }

  list(key: string): readonly unknown[] {
    const value = this.entry[key];
    return Array.isArray(value) ? value : this.fail(`expected a list under ${key}`);
  }

  specs(key: string): Spec[] {
    return this.list(key).map((value) => this.spec(value));
  }

  private spec(value: unknown): Spec {
    const match = typeof value === 'string' ? /^([fib])((?:\d+(?:,\d+)*)?)$/.exec(value) : null;
    if (match === null) return this.fail(`expected a tensor such as "f2,3", got ${String(value)}`);
    const shape = match[2] === '' ? [] : match[2]!.split(',').map(Number);
    return { dtype: DTYPES[match[1] as keyof typeof DTYPES], shape };
  }

  /** Tensors for those positions whose flag is 1; the shapes are those of `like`. */
  flagged(
    key: string,
    like: readonly Spec[],
    take: (spec: Spec) => GoldenTensor,
  ): (GoldenTensor | null)[] | null {
    if (this.entry[key] === null) return null;
    const flags = this.list(key);
    if (flags.length !== like.length) {
      return this.fail(`expected ${like.length} flags under ${key}, got ${flags.length}`);
    }
    return like.map((spec, i) => (flags[i] === 1 ? take(spec) : null));
  }

  value(json: unknown, inputs: readonly GoldenTensor[]): GoldenValue {
    if (json === null || typeof json === 'boolean') return json;
    if (typeof json === 'number' || typeof json === 'string') return json;
    if (Array.isArray(json)) return json.map((item) => this.value(item, inputs));
    return isObject(json) ? this.tagged(json, inputs) : this.fail('expected a JSON value');
  }

  private tagged(json: JsonObject, inputs: readonly GoldenTensor[]): GoldenValue {
    const [[tag, content] = ['nothing', null]] = Object.entries(json);
    if (tag === 't' && typeof content === 'number') {
      const tensor = inputs[content];
      return tensor === undefined
        ? this.fail(`expected one of ${inputs.length} tensors, got index ${content}`)
        : { kind: 'tensor', index: content, tensor };
    }
    if (tag === 'number') {
      return content === 'inf' ? Infinity : content === '-inf' ? -Infinity : Number.NaN;
    }
    if (tag === 'slice' && Array.isArray(content)) {
      const [start, stop, step] = content.map((n) => (typeof n === 'number' ? n : null));
      return { kind: 'slice', start: start ?? null, stop: stop ?? null, step: step ?? null };
    }
    if (tag === 'list' && Array.isArray(content)) {
      return { kind: 'list', items: content.map((item) => this.value(item, inputs)) };
    }
    if (tag === 'ellipsis') return { kind: 'ellipsis' };
    const dtype = Object.values(DTYPES).find((name) => name === content);
    if (tag === 'dtype' && dtype !== undefined) return { kind: 'dtype', dtype };
    return this.fail(`expected a known argument tag, got ${tag}`);
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function decodeSample(
  json: JsonObject,
  streams: Streams,
  family: string,
  at: number,
): GoldenSample {
  const entry = new Entry(family, json, at);
  const [ins, outs] = [entry.specs('in'), entry.specs('out')];
  const inputs = ins.map((spec) => streams.take(spec, true));
  const outputs = outs.map((spec) => streams.take(spec, false));
  const expected = (spec: Spec): GoldenTensor => streams.take(spec, false);
  const cotangents = entry.flagged('cot', outs, (spec) => streams.take(spec, true));
  const inputGrads = entry.flagged('grad', ins, expected);
  const mutated = entry.flagged('after', ins, expected);
  const kwargs = json.kwargs;
  if (!isObject(kwargs)) return entry.fail('expected an object under kwargs');
  return {
    family,
    op: entry.text('op'),
    variant: entry.text('variant'),
    source: entry.text('source', ['op_db', 'extra']),
    oracle: entry.text('oracle', ['f64', 'f32']),
    inputs,
    args: entry.list('args').map((value) => entry.value(value, inputs)),
    kwargs: Object.fromEntries(
      Object.entries(kwargs).map(([key, value]) => [key, entry.value(value, inputs)]),
    ),
    outputs,
    cotangents,
    inputGrads,
    mutated,
  };
}

/**
 * PyTorch's answers: loads the committed golden files of this package, in Node and in browsers.
 * golden/INDEX.md lists the ops; golden/training.json and golden/models.json hold loss curves.
 */
import { GoldenError, type GoldenSample, parseGolden } from './golden-format.ts';

export type { GoldenDType, GoldenSample, GoldenTensor, GoldenValue } from './golden-format.ts';
export { GoldenError, parseGolden } from './golden-format.ts';

/** What golden/index.json says about one family file. */
export interface GoldenFamily {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly samples: number;
  /** Samples per op. */
  readonly ops: Readonly<Record<string, number>>;
}

/** golden/index.json: how the goldens were made and what they hold. */
export interface GoldenIndex {
  readonly format: number;
  readonly torch: string;
  readonly numpy: string;
  readonly date: string;
  readonly seed: number;
  readonly ops: number;
  readonly samples: number;
  readonly differentiable: number;
  readonly float64Oracle: number;
  readonly families: Readonly<Record<string, GoldenFamily>>;
}

/** Returns the bytes of a file of the golden folder, named relative to it. */
export type GoldenReader = (file: string) => Promise<Uint8Array<ArrayBuffer>>;

/** Which samples to load; everything that is left out means all. */
export interface GoldenFilter {
  /** PyTorch names, e.g. `['add', 'nn.functional.conv2d']`. */
  readonly ops?: readonly string[];
  readonly families?: readonly string[];
  /** How to get a file; by default the package's own folder, from disk or by fetch. */
  readonly read?: GoldenReader;
}

/**
 * Reads a file of the package's golden folder: from disk when this module was loaded from disk,
 * else by fetch.
 *
 * @throws GoldenError when there is no such file
 */
export async function readGoldenFile(file: string): Promise<Uint8Array<ArrayBuffer>> {
  const url = new URL(`../golden/${file}`, import.meta.url);
  try {
    if (url.protocol === 'file:') return new Uint8Array(await nodeFiles().readFile(url));
    const response = await fetch(url);
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    throw new GoldenError(file, `expected a readable file at ${url.href}`, { cause: error });
  }
}

interface NodeFiles {
  readFile(path: URL): Promise<Uint8Array>;
}

/** Node's file system without an import that a bundler for browsers would trip on. */
function nodeFiles(): NodeFiles {
  const { process } = globalThis as {
    process?: { getBuiltinModule(name: 'node:fs/promises'): NodeFiles };
  };
  if (process === undefined) throw new Error('file: addresses need Node; pass { read }');
  return process.getBuiltinModule('node:fs/promises');
}

/**
 * Reads golden/index.json.
 *
 * @throws GoldenError when it is missing or no index
 */
export async function loadGoldenIndex(read: GoldenReader = readGoldenFile): Promise<GoldenIndex> {
  const json = await loadGoldenJson('index.json', read);
  if (isIndex(json)) return json;
  throw new GoldenError('index.json', 'expected an index with families, got other JSON');
}

/**
 * Reads a JSON file of the golden folder (`training.json`, `models.json`).
 *
 * @throws GoldenError when it is missing or no JSON
 */
export async function loadGoldenJson(
  file: string,
  read: GoldenReader = readGoldenFile,
): Promise<unknown> {
  const bytes = await read(file);
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (error) {
    throw new GoldenError(file, `expected JSON, got ${bytes.length} bytes that do not parse`, {
      cause: error,
    });
  }
}

/**
 * Loads golden samples, reading only the family files that hold them.
 *
 * @returns the samples in the index's order of families
 * @throws GoldenError for an unknown op or family, and for files that are missing, truncated or
 *   do not match the index
 * @example
 * const samples = await loadGoldens({ ops: ['add', 'mul'] });
 */
export async function loadGoldens(filter: GoldenFilter = {}): Promise<GoldenSample[]> {
  const read = filter.read ?? readGoldenFile;
  const index = await loadGoldenIndex(read);
  checkNames(index, filter);
  const loaded: GoldenSample[] = [];
  for (const [family, entry] of Object.entries(index.families)) {
    if (filter.families !== undefined && !filter.families.includes(family)) continue;
    if (filter.ops !== undefined && !filter.ops.some((op) => op in entry.ops)) continue;
    const samples = await parseGolden(await read(entry.file), family);
    checkCounts(samples, family, entry);
    for (const sample of samples) {
      if (filter.ops === undefined || filter.ops.includes(sample.op)) loaded.push(sample);
    }
  }
  return loaded;
}

/** A misspelt op would otherwise select nothing, and a test over nothing passes. */
function checkNames(index: GoldenIndex, filter: GoldenFilter): void {
  for (const family of filter.families ?? []) {
    if (index.families[family] === undefined) {
      const known = Object.keys(index.families).join(', ');
      throw new GoldenError('index.json', `expected one of the families ${known}, got ${family}`);
    }
  }
  for (const op of filter.ops ?? []) {
    if (!Object.values(index.families).some((family) => op in family.ops)) {
      throw new GoldenError('index.json', `expected an op of golden/INDEX.md, got ${op}`);
    }
  }
}

function checkCounts(samples: readonly GoldenSample[], family: string, entry: GoldenFamily): void {
  const counts = new Map<string, number>();
  for (const { op } of samples) counts.set(op, (counts.get(op) ?? 0) + 1);
  const differs = Object.entries(entry.ops).find(([op, count]) => counts.get(op) !== count);
  if (differs !== undefined || samples.length !== entry.samples) {
    const [op, count] = differs ?? ['all ops', entry.samples];
    const got = differs === undefined ? samples.length : (counts.get(op) ?? 0);
    throw new GoldenError(family, `expected ${count} samples of ${op}, got ${got}`);
  }
}

function isIndex(json: unknown): json is GoldenIndex {
  if (typeof json !== 'object' || json === null || !('families' in json)) return false;
  const { families } = json;
  if (typeof families !== 'object' || families === null) return false;
  return Object.values(families).every(
    (entry: unknown) =>
      typeof entry === 'object' && entry !== null && 'file' in entry && 'ops' in entry,
  );
}

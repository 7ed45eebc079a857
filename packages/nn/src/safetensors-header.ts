/**
 * The header of a safetensors file: length, JSON, and the form of each entry. Duplicate names are
 * looked for in the text, since JSON.parse silently keeps the last one.
 */
import { FormatError } from '@tenon/core';

/** One tensor's entry; offsets count from the start of the data. */
export interface HeaderEntry {
  readonly name: string;
  readonly code: string;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

export interface Header {
  readonly entries: readonly HeaderEntry[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly dataStart: number;
}

/** The format's own limit. */
const MAX_HEADER = 100_000_000;

/** Reads and checks the header; offsets against each other are the caller's. */
export function parseHeader(bytes: Uint8Array): Header {
  if (bytes.length < 8) {
    throw new FormatError(
      `safetensors: expected at least 8 bytes of header length, got ${bytes.length}`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getBigUint64(0, true);
  if (length > BigInt(MAX_HEADER)) {
    throw new FormatError(
      `safetensors: expected a header of at most ${MAX_HEADER} bytes, got ${length} (is ` +
        'this a safetensors file?)',
    );
  }
  const dataStart = 8 + Number(length);
  if (dataStart > bytes.length) {
    throw new FormatError(
      `safetensors: the header is truncated: expected ${length} bytes, got ${bytes.length - 8}`,
    );
  }
  const header = parseObject(decode(bytes.subarray(8, dataStart)));
  const entries: HeaderEntry[] = [];
  let metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') metadata = parseMetadata(value);
    else entries.push(parseEntry(name, value));
  }
  return { entries, metadata, dataStart };
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new FormatError('safetensors: expected a header in UTF-8, got bytes that are not');
  }
}

function parseObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new FormatError(`safetensors: expected a JSON header, got ${reason}`);
  }
  if (!isRecord(value)) {
    throw new FormatError(`safetensors: expected a JSON object as header, got ${kindOf(value)}`);
  }
  const seen = new Set<string>();
  for (const key of topLevelKeys(text)) {
    if (seen.has(key)) {
      throw new FormatError(
        `safetensors: expected each name once, got ${JSON.stringify(key)} twice`,
      );
    }
    seen.add(key);
  }
  return value;
}

function parseMetadata(value: unknown): Record<string, string> {
  if (!isRecord(value)) {
    throw new FormatError(`safetensors: expected an object in __metadata__, got ${kindOf(value)}`);
  }
  const pairs = Object.entries(value).map(([key, text]): [string, string] => {
    if (typeof text === 'string') return [key, text];
    throw new FormatError(`safetensors: expected text in __metadata__.${key}, got ${kindOf(text)}`);
  });
  return Object.fromEntries(pairs);
}

function parseEntry(name: string, value: unknown): HeaderEntry {
  const quoted = JSON.stringify(name);
  if (!isRecord(value)) {
    throw new FormatError(`safetensors: expected an object for ${quoted}, got ${kindOf(value)}`);
  }
  const { dtype: code, shape, data_offsets: offsets } = value;
  if (typeof code !== 'string') {
    throw new FormatError(`safetensors: dtype of ${quoted}: expected text, got ${kindOf(code)}`);
  }
  if (!isSizes(shape)) {
    throw new FormatError(
      `safetensors: shape of ${quoted}: expected non-negative integers, got ` +
        `${JSON.stringify(shape)}`,
    );
  }
  if (!isSizes(offsets) || offsets.length !== 2 || (offsets[0] ?? 0) > (offsets[1] ?? 0)) {
    throw new FormatError(
      `safetensors: data_offsets of ${quoted}: expected [begin, end] with begin ≤ end, ` +
        `got ${JSON.stringify(offsets)}`,
    );
  }
  return { name, code, shape, begin: offsets[0] ?? 0, end: offsets[1] ?? 0 };
}

/** Keys of the outermost object of valid JSON, duplicates included. */
function topLevelKeys(text: string): string[] {
  const keys: string[] = [];
  let depth = 0;
  let isKey = true;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]/gs)) {
    if (token === '{' || token === '[') depth += 1;
    else if (token === '}' || token === ']') depth -= 1;
    else if (token === ',') isKey = true;
    else if (token === ':') isKey = false;
    else if (depth === 1 && isKey) keys.push(JSON.parse(token) as string);
  }
  return keys;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
}

function kindOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'an array' : typeof value;
}

/**
 * Bytes of a source (a path in Node, or bytes in hand), unpacked when they are a gzip stream.
 * Node's modules are reached at call time, so that browsers can bundle this file.
 */
import { BackendError, FormatError, ValueError } from '@tenon/core';

/** The part of Node's `fs/promises` that the readers use. */
interface FileSystem {
  readFile(path: string): Promise<Uint8Array<ArrayBuffer>>;
  readdir(path: string): Promise<string[]>;
}

// Module-local on purpose: the sources are checked without Node's types.
declare const process:
  | { getBuiltinModule?(id: 'node:fs/promises'): FileSystem | undefined }
  | undefined;

/** Where a reader takes its bytes from: a file's path (Node only), or the bytes. */
export type ByteSource = string | Uint8Array | ArrayBuffer | Blob;

function fileSystem(op: string): FileSystem {
  const host = typeof process === 'undefined' ? undefined : process;
  const files = host?.getBuiltinModule?.('node:fs/promises');
  if (files === undefined) {
    throw new BackendError(
      `${op}: reading a path needs Node's file system, got a host without it; ` +
        'pass the bytes instead (a Uint8Array, ArrayBuffer or Blob)',
    );
  }
  return files;
}

/** The names in `folder`, or undefined when there is no such folder. */
export async function listFolder(op: string, folder: string): Promise<string[] | undefined> {
  try {
    return await fileSystem(op).readdir(folder);
  } catch (error) {
    if (error instanceof BackendError) throw error;
    return undefined;
  }
}

/** What errors call a source: its path, or the kind of bytes. */
export function nameOf(source: ByteSource): string {
  return typeof source === 'string' ? source : 'the bytes given';
}

/** All bytes of `source`, after gunzip where they start with the gzip magic. */
export async function readBytes(op: string, source: ByteSource): Promise<Uint8Array> {
  const bytes = await rawBytes(op, source);
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return isGzip ? gunzip(op, nameOf(source), bytes) : bytes;
}

async function rawBytes(op: string, source: ByteSource): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (typeof source !== 'string') return new Uint8Array(await source.arrayBuffer());
  const files = fileSystem(op);
  try {
    return await files.readFile(source);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ValueError(`${op}: a readable file was expected at ${source}, got ${reason}`, {
      cause,
    });
  }
}

async function gunzip(op: string, name: string, bytes: Uint8Array): Promise<Uint8Array> {
  // the Blob takes a copy anyway; this one only leaves a shared buffer behind
  const packed = bytes.buffer instanceof ArrayBuffer ? bytes : new Uint8Array(bytes);
  try {
    const stream = new Blob([packed as Uint8Array<ArrayBuffer>]).stream();
    const unpacked = stream.pipeThrough(new DecompressionStream('gzip'));
    return new Uint8Array(await new Response(unpacked).arrayBuffer());
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? ` (${cause.code})` : '';
    throw new FormatError(
      `${op}: one complete gzip stream was expected in ${name}, ` +
        `got ${bytes.length} bytes that are truncated, corrupt or followed by more${code}`,
      { cause },
    );
  }
}

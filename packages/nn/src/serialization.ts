/**
 * Models in safetensors files, in Node. Saving is atomic: a temporary file beside the target,
 * flushed to disk, then renamed over it, so that a failure leaves the old file as it was.
 */
import { BackendError, FormatError, StateDictError, ValueError } from '@tenon/core';
import type { Module } from './module.ts';
import {
  decodeSafetensors,
  encodeSafetensors,
  type Metadata,
  type SafetensorsContents,
} from './safetensors.ts';
import type { LoadOptions, LoadReport, StateDict } from './state-dict.ts';

/** The parts of Node that are used; the package is compiled without Node's types. */
interface FileHandle {
  writeFile(bytes: Uint8Array): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}
interface FileSystem {
  readFile(path: string): Promise<Uint8Array>;
  open(path: string, flags: string): Promise<FileHandle>;
  rename(from: string, to: string): Promise<void>;
  rm(path: string, options: { force: boolean }): Promise<void>;
  mkdir(path: string, options: { recursive: boolean }): Promise<unknown>;
  realpath(path: string): Promise<string>;
  stat(path: string): Promise<{ isFile(): boolean }>;
}
interface Paths {
  dirname(path: string): string;
  basename(path: string): string;
  join(...parts: string[]): string;
}

export interface SaveOptions {
  /** Texts for the file's `__metadata__`. */
  readonly metadata?: Metadata;
}

/** What `load` found: names left out (not strict) and the file's metadata. */
export interface LoadedFile extends LoadReport {
  readonly metadata: Metadata;
}

/**
 * Writes the model's state dict to a safetensors file, atomically. A file that is there is
 * replaced; a link is followed.
 *
 * @throws ValueError where the path is no place for a file; then nothing has changed
 *
 * @example
 * import { Linear, load, save } from '@tenon/nn';
 * import { tmpdir } from 'node:os';
 * const path = `${tmpdir()}/linear-${process.pid}.safetensors`;
 * await save(new Linear(2, 3), path, { metadata: { epochs: '5' } });
 * const { metadata } = await load(new Linear(2, 3), path);
 */
export async function save(model: Module, path: string, options: SaveOptions = {}): Promise<void> {
  const bytes = encodeSafetensors(await model.stateDict(), options.metadata);
  await writeFileAtomic(path, bytes);
}

/**
 * Reads a safetensors file into the model; on error the model is as it was.
 *
 * @throws FormatError where the file is corrupt; StateDictError where it does not fit the model;
 * ValueError where it can't be read
 */
export async function load(
  model: Module,
  path: string,
  options: LoadOptions = {},
): Promise<LoadedFile> {
  const { tensors, metadata } = await readContents(path);
  try {
    return { ...model.loadStateDict(tensors, options), metadata };
  } catch (error) {
    if (error instanceof StateDictError) error.message = `${path}: ${error.message}`;
    throw error;
  }
}

/** The state dict in a safetensors file. */
export async function readSafetensors(path: string): Promise<StateDict> {
  return (await readContents(path)).tensors;
}

/** Writes a state dict to a safetensors file, atomically. */
export async function writeSafetensors(
  path: string,
  dict: StateDict,
  options: SaveOptions = {},
): Promise<void> {
  await writeFileAtomic(path, encodeSafetensors(dict, options.metadata));
}

/** Replaces a file's content as a whole or not at all. Makes the folder if it is missing. */
export async function writeFileAtomic(path: string, bytes: Uint8Array): Promise<void> {
  const files = node<FileSystem>('node:fs/promises');
  const paths = node<Paths>('node:path');
  try {
    await files.mkdir(paths.dirname(path), { recursive: true });
    await replace(files, paths, await targetOf(files, path), bytes);
  } catch (cause) {
    if (cause instanceof ValueError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ValueError(`save: expected to be able to write ${path}, got ${reason}`, { cause });
  }
}

/** The file that `path` leads to. A folder or a device is refused: the rename would replace it. */
async function targetOf(files: FileSystem, path: string): Promise<string> {
  let target: string;
  try {
    target = await files.realpath(path);
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return path;
    throw error;
  }
  if (!(await files.stat(target)).isFile()) {
    throw new ValueError(`save: expected the path of a file, got a folder or device: ${path}`);
  }
  return target;
}

async function replace(
  files: FileSystem,
  paths: Paths,
  path: string,
  bytes: Uint8Array,
): Promise<void> {
  const folder = paths.dirname(path);
  const unique = Math.random().toString(36).slice(2, 10);
  const temporary = paths.join(folder, `.${paths.basename(path)}.${unique}.tmp`);
  try {
    const handle = await files.open(temporary, 'wx');
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await files.rename(temporary, path);
  } catch (error) {
    await files.rm(temporary, { force: true });
    throw error;
  }
}

async function readContents(path: string): Promise<SafetensorsContents> {
  const files = node<FileSystem>('node:fs/promises');
  let bytes: Uint8Array;
  try {
    bytes = await files.readFile(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ValueError(`load: expected a readable file at ${path}, got ${reason}`, { cause });
  }
  try {
    return decodeSafetensors(bytes);
  } catch (error) {
    if (error instanceof FormatError) error.message = `${path}: ${error.message}`;
    throw error;
  }
}

/** A built-in module of Node, reached without an import so that browsers can load this file. */
function node<T>(name: string): T {
  const host = (globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } })
    .process;
  const found = host?.getBuiltinModule?.(name);
  if (found === undefined) {
    throw new BackendError(
      'save, load: files need Node; elsewhere use encodeSafetensors and decodeSafetensors on bytes',
    );
  }
  return found as T;
}

// A model on disk: a safetensors file whose metadata carries a JSON description of how to rebuild
// it, and the same description in `<path>.json` for people and other programs. Both are replaced
// atomically, and only where nothing but an older Tenon model stands.
import {
  access,
  constants,
  mkdir,
  mkdtemp,
  open,
  readFile,
  realpath,
  rename,
  rm,
  stat,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { FormatError, StateDictError, TenonError } from '@tenon/core';
import { decodeSafetensors, encodeSafetensors, type Layer, type StateDict } from '@tenon/nn';
import { type ModelDescription, parseDescription } from './description.ts';
import { FileError, OverwriteError, systemReason, UsageError } from './errors.ts';
import { buildModel } from './models.ts';

/** The key of the description in the safetensors metadata. */
const METADATA_KEY = 'tenon';

export interface LoadedModel {
  readonly model: Layer;
  readonly description: ModelDescription;
}

/** Where the description of the model at `path` lies beside it. */
export function descriptionPath(path: string): string {
  return `${path}.json`;
}

/**
 * Makes sure, before hours of training, that a model can be saved at `path`: its folder exists and
 * is writable, and what stands there is nothing or a Tenon model (or `force` is set).
 */
export async function checkTarget(path: string, force: boolean): Promise<void> {
  const folder = dirname(path);
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
  } catch (error) {
    throw new FileError(`cannot save in the folder ${folder}: ${systemReason(error)}`, path);
  }
  await checkReplaceable(path, force, isTenonModel, 'a model that Tenon saved');
  await checkReplaceable(descriptionPath(path), force, isDescription, 'a model description');
}

async function checkReplaceable(
  path: string,
  force: boolean,
  isOurs: (bytes: Uint8Array) => boolean,
  expected: string,
): Promise<void> {
  let bytes: Uint8Array;
  try {
    const found = await stat(path);
    if (!found.isFile()) {
      const what = found.isDirectory() ? 'a folder' : 'no regular file';
      throw new OverwriteError(`${path} is ${what}: give the path of a file to --save`, path);
    }
    if (force) return;
    bytes = await readFile(path);
  } catch (error) {
    if (error instanceof OverwriteError) throw error;
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
    throw new FileError(`cannot look at ${path}: ${systemReason(error)}`, path);
  }
  if (!isOurs(bytes)) {
    throw new OverwriteError(
      `${path} exists and is not ${expected}, so it is left as it is (--force overwrites it)`,
      path,
    );
  }
}

function isTenonModel(bytes: Uint8Array): boolean {
  try {
    return METADATA_KEY in decodeSafetensors(bytes).metadata;
  } catch (error) {
    if (error instanceof TenonError) return false;
    throw error;
  }
}

function isDescription(bytes: Uint8Array): boolean {
  try {
    parseDescription(JSON.parse(new TextDecoder().decode(bytes)), '');
    return true;
  } catch {
    return false;
  }
}

/** Saves both files; an older model stays whole until its successor is on disk. */
async function saveModel(
  path: string,
  model: Layer,
  description: ModelDescription,
  force: boolean,
): Promise<void> {
  await checkTarget(path, force);
  const json = JSON.stringify(description, null, 2);
  const weights = encodeSafetensors(await model.stateDict(), { [METADATA_KEY]: json });
  // The description inside the safetensors file is the one that is read, so that a crash between
  // the two renames leaves a model that fits its description.
  await replaceAll([
    { path: descriptionPath(path), bytes: new TextEncoder().encode(`${json}\n`) },
    { path, bytes: weights },
  ]);
}

/**
 * saveModel for a model that was just trained: where it cannot be saved any more (the disk filled
 * up meanwhile), it goes to the temporary folder, and the error says where.
 */
export async function saveOrRescue(
  path: string,
  model: Layer,
  description: ModelDescription,
  force: boolean,
): Promise<void> {
  try {
    await saveModel(path, model, description, force);
  } catch (error) {
    if (!(error instanceof TenonError)) throw error;
    const rescue = join(await mkdtemp(join(tmpdir(), 'tenon-')), basename(path));
    try {
      await saveModel(rescue, model, description, false);
    } catch {
      throw error;
    }
    throw new FileError(`${error.message}; the trained model is in ${rescue}`, path, {
      cause: error,
    });
  }
}

/** Writes every file beside its target first and puts them in place only when all are on disk. */
export async function replaceAll(
  files: readonly { readonly path: string; readonly bytes: Uint8Array }[],
): Promise<void> {
  const written: { temporary: string; path: string }[] = [];
  try {
    for (const { path: given, bytes } of files) {
      const path = await followed(given);
      const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
      written.push({ temporary, path });
      const file = await open(temporary, 'w');
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
    }
    for (const { temporary, path } of written) await rename(temporary, path);
  } catch (error) {
    await Promise.all(written.map(({ temporary }) => rm(temporary, { force: true })));
    const target = files.at(-1)?.path ?? '';
    throw new FileError(`cannot save ${target}: ${systemReason(error)}`, target, { cause: error });
  }
}

/** Where a link leads, so that the link itself stays. */
async function followed(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return path;
    throw error;
  }
}

/** Rebuilds the model saved at `path`, with its weights. */
export async function loadModel(path: string): Promise<LoadedModel> {
  const { tensors, description } = await readModelFile(path);
  const model = rebuild(path, description);
  try {
    model.loadStateDict(tensors);
  } catch (error) {
    if (!(error instanceof StateDictError)) throw error;
    throw new StateDictError(`${path}: ${error.message}`, { cause: error });
  }
  model.eval();
  return { model, description };
}

function rebuild(path: string, { model, inputShape, classes }: ModelDescription): Layer {
  try {
    return buildModel(model, inputShape, classes.length);
  } catch (cause) {
    // A RangeError is a size that no array can have.
    if (!(cause instanceof UsageError || cause instanceof RangeError)) throw cause;
    const shape = inputShape.join(', ');
    throw new FormatError(
      `${path}: expected a model that this version can build, got '${model}' for samples of ` +
        `shape [${shape}] (saved by a newer Tenon?)`,
      { cause },
    );
  }
}

async function readModelFile(
  path: string,
): Promise<{ tensors: StateDict; description: ModelDescription }> {
  const bytes = await readBytes(path, 'the model');
  const { tensors, metadata } = decode(bytes, path);
  const embedded = metadata[METADATA_KEY];
  if (embedded !== undefined) {
    return { tensors, description: parseDescription(parseJson(embedded, path), path) };
  }
  // Weights that another program wrote: their description can only be the file beside them.
  const beside = descriptionPath(path);
  let text: Uint8Array;
  try {
    text = await readFile(beside);
  } catch {
    throw new FileError(
      `${path}: expected a model that Tenon saved, got a safetensors file without a description ` +
        `(neither in its metadata nor in ${beside})`,
      path,
    );
  }
  const parsed = parseJson(new TextDecoder().decode(text), beside);
  return { tensors, description: parseDescription(parsed, beside) };
}

async function readBytes(path: string, what: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new FileError(`cannot read ${what} ${path}: ${systemReason(error)}`, path);
  }
}

function decode(bytes: Uint8Array, path: string): ReturnType<typeof decodeSafetensors> {
  try {
    return decodeSafetensors(bytes);
  } catch (error) {
    if (!(error instanceof TenonError)) throw error;
    throw new FormatError(`${path}: ${error.message}`, { cause: error });
  }
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new FormatError(`${path}: expected a description in JSON, got: ${reason}`, { cause });
  }
}

// What can go wrong in the command line, and the exit code of each cause. Errors of the libraries
// keep their own classes; the table below gives them their code.
import { BackendError, FormatError, StateDictError, TenonError } from '@tenon/core';
import { CommanderError } from 'commander';

// As documented in `tenon --help` and the README.
const EXIT = { ok: 0, failure: 1, usage: 2, badFile: 3, noBackend: 4, refused: 5 } as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The meaning of each exit code, in words. */
export const EXIT_MEANINGS: Readonly<Record<ExitCode, string>> = {
  [EXIT.ok]: 'success',
  [EXIT.failure]: 'failure while running (for example a loss that became NaN)',
  [EXIT.usage]: 'wrong usage: an unknown command, option or value',
  [EXIT.badFile]:
    'a data, model or image file that is missing, corrupt, does not fit or cannot be written',
  [EXIT.noBackend]: 'the backend asked for does not work here',
  [EXIT.refused]: 'a file that is not a Tenon model would have been overwritten',
};

/** An option or argument whose value is not usable. */
export class UsageError extends TenonError {
  override readonly name: string = 'UsageError';
}

/** A data, model or image file that is missing, unreadable or does not fit its use. */
export class FileError extends TenonError {
  override readonly name: string = 'FileError';
  readonly path: string;
  constructor(message: string, path: string, options?: ErrorOptions) {
    super(message, options);
    this.path = path;
  }
}

/** The file to be saved exists and is not a Tenon model. */
export class OverwriteError extends TenonError {
  override readonly name: string = 'OverwriteError';
  readonly path: string;
  constructor(message: string, path: string) {
    super(message);
    this.path = path;
  }
}

/** Outputs that are no finite numbers: weights that diverged, or broken inputs. */
export class NotFiniteError extends TenonError {
  override readonly name: string = 'NotFiniteError';
}

const failedOnInput = new WeakSet<Error>();

/** Runs `read`; whatever Tenon error it throws counts as a bad file, under its own class. */
export async function readingFiles<T>(read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof TenonError || isSystemError(error)) failedOnInput.add(error);
    throw error;
  }
}

/** Whether `error` comes from the operating system (ENOENT, EACCES, …). */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}

/** What the operating system said, in words where the code is a common one. */
export function systemReason(error: unknown): string {
  if (!isSystemError(error)) return error instanceof Error ? error.message : String(error);
  switch (error.code) {
    case 'ENOENT':
      return 'no such file or folder';
    case 'EACCES':
    case 'EPERM':
      return 'permission denied';
    case 'EISDIR':
      return 'it is a folder';
    case 'EEXIST':
    case 'ENOTDIR':
      return 'a part of the path is not a folder';
    case 'ENOSPC':
      return 'no space left';
    default:
      return error.message;
  }
}

/** The exit code that `error` ends the command with. */
export function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof OverwriteError) return EXIT.refused;
  if (error instanceof BackendError) return EXIT.noBackend;
  if (error instanceof FileError || error instanceof FormatError) return EXIT.badFile;
  if (error instanceof StateDictError) return EXIT.badFile;
  if (error instanceof Error && failedOnInput.has(error)) return EXIT.badFile;
  return EXIT.failure;
}

/**
 * One worker, in Node or in a browser: from text (eval, Blob) so that no bundler has to find a
 * file, or from a URL where a content security policy wants one.
 */
import { workerSource } from '../generated/worker-source.ts';
import type { WorkerInit, WorkerReply } from './control.ts';

/** A worker that serves, or will. */
export interface Thread {
  terminate(): void;
}

/** What becomes of a worker; each is told at most once. */
export interface ThreadEvents {
  ready(): void;
  /** It could not start, or has ended. */
  ended(reason: string): void;
}

interface NodeWorker {
  postMessage(message: WorkerInit): void;
  terminate(): Promise<number>;
  unref(): void;
  on(event: 'message', listener: (reply: WorkerReply) => void): void;
  on(event: 'error', listener: (error: unknown) => void): void;
  on(event: 'exit', listener: (code: number) => void): void;
}
interface NodeWorkerOptions {
  readonly eval: boolean;
  readonly execArgv: readonly string[];
  readonly name: string;
}
interface NodeProcess {
  readonly versions?: { readonly node?: string };
  getBuiltinModule?(id: 'node:worker_threads'): {
    readonly Worker: new (source: string | URL, options: NodeWorkerOptions) => NodeWorker;
  };
}

/** Starts a worker. `workerUrl`: the package's dist/worker.js, instead of the text inside. */
export function spawn(
  init: WorkerInit,
  events: ThreadEvents,
  workerUrl: string | URL | undefined,
): Thread {
  const { process } = globalThis as { readonly process?: NodeProcess };
  const isNode = process?.versions?.node !== undefined;
  const node = isNode ? process?.getBuiltinModule?.('node:worker_threads') : undefined;
  if (node === undefined) return spawnInBrowser(init, events, workerUrl);
  // Node takes a file's URL as a URL only.
  const isFileUrl = typeof workerUrl === 'string' && workerUrl.startsWith('file:');
  const script = isFileUrl ? new URL(workerUrl) : workerUrl;
  const worker = new node.Worker(script ?? workerSource, {
    eval: script === undefined,
    // The parent's flags may load things that a thread has no use for.
    execArgv: [],
    name: 'tenon',
  });
  worker.on('message', (reply) => (reply.ready ? events.ready() : events.ended(reply.reason)));
  worker.on('error', (error) => events.ended(String(error)));
  worker.on('exit', (code) => events.ended(`the worker thread exited with code ${code}`));
  // Threads that only wait for work must not keep a program alive.
  worker.unref();
  worker.postMessage(init);
  return { terminate: () => void worker.terminate() };
}

function spawnInBrowser(
  init: WorkerInit,
  events: ThreadEvents,
  workerUrl: string | URL | undefined,
): Thread {
  const blobUrl =
    workerUrl === undefined
      ? URL.createObjectURL(new Blob([workerSource], { type: 'text/javascript' }))
      : null;
  const revoke = (): void => {
    if (blobUrl !== null) URL.revokeObjectURL(blobUrl);
  };
  const worker = new Worker(blobUrl ?? workerUrl ?? '', { name: 'tenon' });
  worker.onmessage = ({ data }: MessageEvent<WorkerReply>): void => {
    revoke();
    if (data.ready) events.ready();
    else events.ended(data.reason);
  };
  worker.onerror = (event): void => {
    revoke();
    // A worker that a policy blocks gives an event without a message.
    const refused =
      workerUrl === undefined
        ? "the worker was not allowed to start (a content security policy without 'blob:' in " +
          'worker-src? pass workerUrl)'
        : `the worker at ${String(workerUrl)} did not start`;
    events.ended(event.message || refused);
  };
  worker.postMessage(init);
  return { terminate: () => worker.terminate() };
}

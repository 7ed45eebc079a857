// The runner's end of one measuring process: start it, ask it for samples, end it.
import { type ChildProcess, fork } from 'node:child_process';
import type { Reply, Request } from './protocol.ts';

const STDERR_KEPT = 2000;

/** A measuring process. Its replies come one per request; a crash or time-out is a `failed`. */
export class Worker {
  readonly #child: ChildProcess;
  readonly #queue: Reply[] = [];
  #waiting: ((reply: Reply) => void) | undefined;
  #stderr = '';

  /** Starts the process for `system` on `workload`; the first reply says whether it is correct. */
  constructor(system: string, workload: string) {
    this.#child = fork(new URL('./child.ts', import.meta.url), [system, workload], {
      execArgv: ['--conditions=@tenon/source', '--expose-gc', '--no-warnings'],
      // Libraries greet on standard output; only the table may be there.
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-STDERR_KEPT);
    });
    this.#child.on('message', (reply: Reply) => this.#deliver(reply));
    this.#child.on('error', (error) => this.#deliver({ type: 'failed', message: error.message }));
    this.#child.on('close', (code, signal) => {
      const last =
        this.#stderr
          .trim()
          .split('\n')
          .find((line) => line.includes('Error')) ?? '';
      const message = `process ended with ${signal ?? code} ${last}`.trim();
      this.#deliver({ type: 'failed', message });
    });
  }

  #deliver(reply: Reply): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) waiting(reply);
    else this.#queue.push(reply);
  }

  /** The next reply, or a `failed` after `timeout` ms, when the process is ended. */
  next(timeout: number): Promise<Reply> {
    const queued = this.#queue.shift();
    if (queued) return Promise.resolve(queued);
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#waiting = undefined;
        this.#child.kill('SIGKILL');
        resolve({ type: 'failed', message: `no answer within ${timeout / 1000} s` });
      }, timeout);
      this.#waiting = (reply) => {
        clearTimeout(timer);
        resolve(reply);
      };
    });
  }

  /** Sends a request and waits for its reply. */
  ask(request: Request, timeout: number): Promise<Reply> {
    if (this.#child.connected) this.#child.send(request);
    return this.next(timeout);
  }

  /** Ends the process if it still runs. */
  stop(): void {
    if (this.#child.exitCode === null) this.#child.kill('SIGKILL');
  }
}

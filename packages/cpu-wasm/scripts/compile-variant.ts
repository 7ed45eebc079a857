/** One run of the AssemblyScript compiler, on a thread of its own. */
import { parentPort, workerData } from 'node:worker_threads';
import { main } from 'assemblyscript/asc';

export interface CompileRequest {
  readonly args: string[];
}
/** bytes: null when it does not compile. */
export interface CompileReply {
  readonly bytes: Uint8Array | null;
  readonly errors: string;
}

const { args } = workerData as CompileRequest;
let bytes: Uint8Array | null = null;
const { error, stderr } = await main(args, {
  writeFile: (_name, contents) => {
    if (typeof contents !== 'string') bytes = contents;
  },
});
const reply: CompileReply = {
  bytes: error === null ? bytes : null,
  errors: `${stderr.toString()}${error === null ? '' : error.message}`,
};
parentPort?.postMessage(reply);

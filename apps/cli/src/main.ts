#!/usr/bin/env node
// The `tenon` command. All there is to it is in program.ts, so that tests can reach it; here is
// only what becomes of output that can't be written.
import { run } from './program.ts';

let isLost = false;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader that has seen enough (`| head`) is no failure, and training goes on to be saved.
  if (error.code === 'EPIPE' || isLost) return;
  isLost = true;
  process.exitCode = 1;
  process.stderr.write(`tenon: Error: cannot write the output: ${error.message}\n`);
});
process.stderr.on('error', () => undefined);

const exitCode = await run(process.argv.slice(2));
process.exitCode = isLost && exitCode === 0 ? 1 : exitCode;

// Runs turbo with its telemetry and update notices off. With --quiet, as first argument, standard
// output stays empty and turbo is heard only when a task fails; a build that takes a while says so.
import { spawn } from 'node:child_process';

const quiet = process.argv[2] === '--quiet';
const args = process.argv.slice(quiet ? 3 : 2);
const child = spawn('turbo', quiet ? [...args, '--output-logs=errors-only'] : args, {
  stdio: quiet ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'],
  shell: process.platform === 'win32',
  env: { ...process.env, DO_NOT_TRACK: '1', TURBO_NO_UPDATE_NOTIFIER: '1' },
});
const heard: Buffer[] = [];
child.stdout?.on('data', (chunk: Buffer) => heard.push(chunk));
child.stderr?.on('data', (chunk: Buffer) => heard.push(chunk));
const notice = setTimeout(() => {
  if (quiet) process.stderr.write('building Tenon…\n');
}, 1000);

child.on('error', (error) => {
  process.stderr.write(`turbo did not start: ${error.message} (run it through npm run)\n`);
});
child.on('close', (status) => {
  clearTimeout(notice);
  if (status !== 0) process.stderr.write(Buffer.concat(heard));
  process.exitCode = status ?? 1;
});

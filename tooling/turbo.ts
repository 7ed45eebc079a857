// Runs turbo with its telemetry and update notices off. With --quiet, as first argument, standard
// output stays empty: turbo's lines go to standard error, and only a failing task prints its own.
import { spawnSync } from 'node:child_process';

const quiet = process.argv[2] === '--quiet';
const args = process.argv.slice(quiet ? 3 : 2);
if (quiet) args.push('--output-logs=errors-only');
const { status, error } = spawnSync('turbo', args, {
  stdio: ['ignore', quiet ? 2 : 'inherit', 'inherit'],
  shell: process.platform === 'win32',
  env: { ...process.env, DO_NOT_TRACK: '1', TURBO_NO_UPDATE_NOTIFIER: '1' },
});
if (error) console.error(`turbo did not start: ${error.message} (run it through npm run)`);
process.exitCode = status ?? 1;

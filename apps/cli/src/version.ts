// The version of the command, read from its package.json, which lies one folder up from both the
// sources and the build.
import { readFileSync } from 'node:fs';

/** As in package.json. */
export const VERSION: string = readVersion();

function readVersion(): string {
  const url = new URL('../package.json', import.meta.url);
  const parsed: unknown = JSON.parse(readFileSync(url, 'utf8'));
  if (typeof parsed === 'object' && parsed !== null && 'version' in parsed) {
    return String(parsed.version);
  }
  return '0.0.0';
}

// Keeps files and lines short: over 600 lines or 100 columns fails, over 400 lines warns. What
// stands in an inline snapshot is as wide as what made it.
// Generated files, golden data and AssemblyScript are excepted (see source-files.ts).
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sourceFiles } from './source-files.ts';

const MAX_LINES = 600;
const WARN_LINES = 400;
const MAX_COLUMNS = 100;
const CODE = /\.(ts|mts|js|mjs|wgsl|py)$/;

/** What the check has to say about one or more files. */
export interface Findings {
  errors: string[];
  warnings: string[];
}

/** Checks one file's `text`; `path` only names it in the messages. */
export function checkText(path: string, text: string): Findings {
  const findings: Findings = { errors: [], warnings: [] };
  const lines = text.replace(/\r?\n$/, '').split(/\r?\n/);
  if (lines.length > MAX_LINES) {
    findings.errors.push(`${path}: ${lines.length} lines, at most ${MAX_LINES} are allowed`);
  } else if (lines.length > WARN_LINES) {
    findings.warnings.push(`${path}: ${lines.length} lines, over ${WARN_LINES}`);
  }
  let isSnapshot = false;
  for (const [index, line] of lines.entries()) {
    if (/InlineSnapshot\(($|`)/.test(line)) isSnapshot = true;
    const isOver = /`[,)]*;?$/.test(line) && !/InlineSnapshot\(`$/.test(line);
    const isInside = isSnapshot;
    if (isSnapshot && isOver) isSnapshot = false;
    if (isInside) continue;
    const columns = [...line].length;
    if (columns <= MAX_COLUMNS) continue;
    findings.errors.push(
      `${path}:${index + 1}: ${columns} columns, at most ${MAX_COLUMNS} are allowed`,
    );
  }
  return findings;
}

/** Checks every code file of the repository at `root`. */
export function checkLines(root: string): Findings & { files: number } {
  const files = sourceFiles(root, '.', CODE);
  const all = files.map((path) => checkText(path, readFileSync(join(root, path), 'utf8')));
  return {
    files: files.length,
    errors: all.flatMap((f) => f.errors),
    warnings: all.flatMap((f) => f.warnings),
  };
}

if (import.meta.main) {
  const { files, errors, warnings } = checkLines(join(import.meta.dirname, '..'));
  for (const warning of warnings) console.warn(`warning: ${warning}`);
  for (const error of errors) console.error(`error: ${error}`);
  console.log(`check-lines: ${files} files, ${errors.length} errors, ${warnings.length} warnings`);
  if (errors.length > 0) process.exitCode = 1;
}

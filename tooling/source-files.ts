// Lists the hand-written source files of the repository, for the checks in this folder.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

// Folders of dependencies, build outputs and generated or measured data.
const SKIPPED = new Set(['node_modules', 'dist', 'generated', 'golden', 'assembly', 'coverage']);
const SKIPPED_PATHS = new Set(['docs/api', 'runs']);

/**
 * Paths of the files below `root/folder` whose names match `pattern`, relative to `root`, with
 * forward slashes, sorted. A missing folder has no files.
 */
export function sourceFiles(root: string, folder: string, pattern: RegExp): string[] {
  const found: string[] = [];
  const visit = (path: string): void => {
    for (const entry of readdirSync(join(root, path), { withFileTypes: true })) {
      const child = path === '.' ? entry.name : `${path}/${entry.name}`;
      if (entry.isDirectory()) {
        const isSkipped = SKIPPED.has(entry.name) || SKIPPED_PATHS.has(child);
        if (!isSkipped && !entry.name.startsWith('.')) visit(child);
      } else if (pattern.test(entry.name)) {
        found.push(child);
      }
    }
  };
  try {
    visit(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return found.sort();
}

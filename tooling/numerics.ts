// Writes docs/numerics.md: the error of every scalar primitive on every backend, and of sums.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { numericsBackends } from './numerics/backends.ts';
import { measureComposites } from './numerics/composites.ts';
import { numericsPage } from './numerics/page.ts';
import { measureScalars } from './numerics/scalars.ts';

// A driver that is found here is seen by a process that starts with it in its environment.
const known = Object.keys(process.env).length;
await import('./software-vulkan.ts');
if (Object.keys(process.env).length !== known) {
  const { execPath, execArgv, argv } = process;
  const { status } = spawnSync(execPath, [...execArgv, ...argv.slice(1)], { stdio: 'inherit' });
  process.exit(status ?? 1);
}

const named = await numericsBackends();
const backends = named.map(({ backend }) => backend);
const scalars = await measureScalars(backends, { count: 2 ** 17, exactCount: 1500 });
const composites = await measureComposites(backends, 1);
const columns = named.map(({ title }, i) => ({ title, scalars: scalars[i] ?? [] }));
const path = join(import.meta.dirname, '..', 'docs', 'numerics.md');
writeFileSync(path, numericsPage(columns, composites));
console.log(`${path}: ${scalars[0]?.length ?? 0} rows, ${named.length} backends`);

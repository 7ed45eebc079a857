// Writes docs/numerics.md: the error of every scalar primitive on every backend, and of sums.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { numericsBackends } from './numerics/backends.ts';
import { measureComposites } from './numerics/composites.ts';
import { numericsPage } from './numerics/page.ts';
import { measureScalars } from './numerics/scalars.ts';

const named = await numericsBackends();
const backends = named.map(({ backend }) => backend);
const scalars = await measureScalars(backends, { count: 2 ** 17, exactCount: 1500 });
const composites = await measureComposites(backends, 1);
const columns = named.map(({ title }, i) => ({ title, scalars: scalars[i] ?? [] }));
const path = join(import.meta.dirname, '..', 'docs', 'numerics.md');
writeFileSync(path, numericsPage(columns, composites));
console.log(`${path}: ${scalars[0]?.length ?? 0} rows, ${named.length} backends`);

// `tenon backends`: which backends work on this machine, and why the others do not.
import { surveyBackends } from '../backends.ts';
import type { Output } from '../output.ts';

export async function runBackends(output: Output): Promise<void> {
  const found = await surveyBackends();
  const { green, dim } = output.colours;
  const rows = found.map(({ name, works, variant, dtypes, threads, notes }) => [
    name,
    works ? green('works') : dim('no'),
    variant ?? '',
    works ? dtypes.join(' ') : '',
    works ? String(threads) : '',
    notes.join('\n'),
  ]);
  const head = ['backend', 'here', 'variant', 'dtypes', 'threads', 'notes'];
  output.result(output.table({ head, rows, right: [4] }));
  const best = found.find(({ isCandidate }) => isCandidate);
  output.info(
    best ? `--backend auto takes the first that works: ${best.name}` : 'no backend works here',
  );
  const backends = found.map(({ isCandidate: _, ...status }) => status);
  output.document({ command: 'backends', best: best?.name ?? null, backends });
}

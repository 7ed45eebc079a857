// Which pairs a check measures, and which of them together: every pair that a bar compares, with
// the workloads of one bar in one group, so that what is compared is interleaved.
import { type Bar, systemsOf, workloadsOf } from './check.ts';
import type { Pair } from './runner.ts';
import { systems } from './systems/index.ts';
import { findWorkload, workloads } from './workloads/index.ts';

/** Sets of workloads that bars connect, in the table's order. A bar that counts connects none. */
function connect(bars: readonly Bar[]): readonly string[][] {
  let sets: string[][] = workloads.map(({ name }) => [name]);
  for (const bar of bars) {
    if (bar.kind === 'most') continue;
    const [first, ...rest] = workloadsOf(bar).map((name) => sets.find((s) => s.includes(name)));
    if (!first) continue;
    for (const other of rest) {
      if (!other || other === first) continue;
      first.push(...other);
      sets = sets.filter((set) => set !== other);
    }
  }
  return sets;
}

/** The groups of pairs that `bars` need, each pair once. */
export function groupsOf(bars: readonly Bar[]): readonly (readonly Pair[])[] {
  const needed = (workload: string): ReadonlySet<string> =>
    new Set(bars.filter((bar) => workloadsOf(bar).includes(workload)).flatMap(systemsOf));
  const groups = connect(bars).map((names) =>
    names.flatMap((name) => {
      const ids = needed(name);
      const wanted = systems.filter(({ id }) => ids.has(id));
      return wanted.map((system) => ({ workload: findWorkload(name), system }));
    }),
  );
  return groups.filter((group) => group.length > 0);
}

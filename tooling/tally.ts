// Counts the results of a vitest run and words them as one line. Kept apart from the reporter so
// that it can be tested without a run.

/** What the tally reads of a test module. */
export interface CountedModule {
  state(): string;
  children: { allTests(): Iterable<{ result(): { state: string } }> };
}

/** Result counts of a run. A module that failed before any test ran counts as one failure. */
export interface Tally {
  passed: number;
  failed: number;
  skipped: number;
}

/** Counts every test of `modules`; each unhandled error counts as a failure. */
export function tally(modules: Iterable<CountedModule>, unhandledErrors: number): Tally {
  const counts: Tally = { passed: 0, failed: unhandledErrors, skipped: 0 };
  for (const module of modules) {
    let failedTests = 0;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'passed') counts.passed++;
      else if (state === 'skipped') counts.skipped++;
      else failedTests++;
    }
    // a failing import, or a failing afterAll hook, fails the module and none of its tests
    if (failedTests === 0 && module.state() === 'failed') failedTests = 1;
    counts.failed += failedTests;
  }
  return counts;
}

/** The closing line: `N passed, N failed, N skipped`. */
export function tallyLine({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

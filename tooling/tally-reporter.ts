// Vitest reporter whose only output is the closing tally, alone on the last line of the run.
import type { Reporter, TestModule } from 'vitest/node';
import { tally, tallyLine } from './tally.ts';

export default class TallyReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    console.log(`\n${tallyLine(tally(modules, unhandledErrors.length))}`);
  }
}

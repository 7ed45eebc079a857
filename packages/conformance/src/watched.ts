/** Runs part of a test on a watched backend, which is the default meanwhile. */
import { setDefaultBackend } from '@tenon/core';
import { type BudgetedBackend, type BudgetedOptions, budgeted } from './budgeted.ts';
import type { SuiteContext } from './suite.ts';

/**
 * Checks the blocks of the backend when fn has ended, and disposes of it. Over an instance of its
 * own, or where that would compile every kernel again over the one that the suite runs on.
 */
export async function onWatched<T>(
  { create, backend: common, capabilities }: SuiteContext,
  budget: number | 'collected',
  fn: (backend: BudgetedBackend) => Promise<T>,
  options: BudgetedOptions = {},
): Promise<T> {
  const shared = !capabilities.syncRead;
  const backend = await budgeted(shared ? () => common : create, budget, { ...options, shared });
  setDefaultBackend(backend);
  try {
    const result = await fn(backend);
    await backend.check();
    return result;
  } finally {
    setDefaultBackend(common);
    backend.dispose();
  }
}

import { expect, test } from 'vitest';
import { type CountedModule, tally, tallyLine } from './tally.ts';

function module(state: string, results: string[]): CountedModule {
  return { state: () => state, children: { allTests: () => results.map((s) => test_(s)) } };
}

function test_(state: string): { result(): { state: string } } {
  return { result: () => ({ state }) };
}

test('counts passed, failed and skipped tests over modules', () => {
  const modules = [
    module('failed', ['passed', 'failed', 'skipped', 'passed']),
    module('passed', ['passed']),
  ];
  expect(tally(modules, 0)).toEqual({ passed: 3, failed: 1, skipped: 1 });
});

test('a module that fails without a failing test counts as one failure', () => {
  expect(tally([module('failed', [])], 0)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  expect(tally([module('failed', ['passed'])], 0)).toEqual({ passed: 1, failed: 1, skipped: 0 });
});

test('a test still pending at the end counts as failed', () => {
  expect(tally([module('pending', ['pending'])], 0)).toEqual({ passed: 0, failed: 1, skipped: 0 });
});

test('unhandled errors count as failures', () => {
  expect(tally([module('passed', ['passed'])], 2)).toEqual({ passed: 1, failed: 2, skipped: 0 });
});

test('the line is the one that CI reads', () => {
  expect(tallyLine({ passed: 12, failed: 0, skipped: 3 })).toBe('12 passed, 0 failed, 3 skipped');
});

/** What a suite of the conformance tests is, and what it gets to work with. */
import type { Backend, Capabilities, DType, ScalarName } from '@tenon/core';
import type { Tolerances } from './tolerances.ts';

/** Makes a fresh, independent backend instance. */
export type CreateBackend = () => Backend | Promise<Backend>;

/** A test that does not pass yet: it fails as soon as it would pass. */
export interface Skip {
  /** Full name: 'suite > test'. */
  readonly test: string;
  /** Why this backend cannot pass it. */
  readonly reason: string;
  /** Where it is tracked. */
  readonly issue: string;
}

interface TestOptions {
  /** The test runs only where the backend has all of these. */
  readonly needs?: readonly Need[];
  readonly timeout?: number;
}
/** A capability that a test depends on. */
export type Need = 'syncRead' | 'throwingBounds' | Extract<DType, 'f64' | 'f16'>;

export interface SuiteContext {
  /** The instance under test; the default backend while the suite's tests run. */
  readonly backend: Backend;
  readonly capabilities: Capabilities;
  readonly tolerances: Tolerances;
  readonly create: () => Promise<Backend>;
  /** What gives gradients in double precision: the backend itself, or another that passed. */
  readonly reference: Backend | null;
  /** Registers a test. */
  test(name: string, fn: () => void | Promise<void>, options?: TestOptions): void;
  /** Largest error of a scalar row in ULP, as the backend declares it. */
  ulp(name: ScalarName): number;
}

export interface Suite {
  readonly name: string;
  define(context: SuiteContext): void;
}

/** Why a capability is missing; null where it is there. */
export function missing(need: Need, capabilities: Capabilities): string | null {
  switch (need) {
    case 'syncRead':
      return capabilities.syncRead ? null : 'no synchronous reads';
    case 'throwingBounds':
      return capabilities.bounds === 'throw' ? null : 'indices out of range give NaN';
    case 'f64':
    case 'f16':
      return capabilities.dtypes.includes(need) ? null : `no ${need}`;
    default:
      return need satisfies never;
  }
}

/**
 * The dynamic scope: what is in force while a function runs. A recorder (a trace being made), the
 * gradient switch, and the frame that owns storages made in library mode. All are synchronous: a
 * function that returns a promise is refused, since other code would run under its scope.
 */

import { TenonError } from './errors.ts';
import type { Frame } from './memory/ownership.ts';
import type { Primitive } from './primitive.ts';
import type { Tensor } from './tensor.ts';

/** What bind talks to while a trace is being made, instead of a backend. */
export interface Recorder {
  record(primitive: Primitive, inputs: readonly Tensor[], attrs: unknown): Tensor;
}

export interface Scope {
  recorder: Recorder | null;
  isGradEnabled: boolean;
  frame: Frame | null;
}

/** The one scope in force. Written only by `withScope` and by memory's frames. */
export const scope: Scope = { recorder: null, isGradEnabled: true, frame: null };

/** Runs fn with some of the scope changed; restores it whatever happens. */
export function withScope<T>(op: string, change: Partial<Scope>, fn: () => T): T {
  const { recorder, isGradEnabled, frame } = scope;
  Object.assign(scope, change);
  try {
    return refusePromise(op, fn());
  } finally {
    scope.recorder = recorder;
    scope.isGradEnabled = isGradEnabled;
    scope.frame = frame;
  }
}

/** @throws TenonError when a function that must be synchronous returned a promise. */
export function refusePromise<T>(op: string, value: T): T {
  if (value !== null && typeof value === 'object' && 'then' in value) {
    throw new TenonError(
      `${op}: the function returned a promise; other code would run under ${op} while it waits. ` +
        `Put ${op} inside it, around the synchronous part.`,
    );
  }
  return value;
}

/** Runs fn without recording gradients. */
export function noGrad<T>(fn: () => T): T {
  return withScope('noGrad', { isGradEnabled: false }, fn);
}

/** Runs fn with gradients recorded, also inside noGrad. */
export function enableGrad<T>(fn: () => T): T {
  return withScope('enableGrad', { isGradEnabled: true }, fn);
}

export function isGradEnabled(): boolean {
  return scope.isGradEnabled;
}

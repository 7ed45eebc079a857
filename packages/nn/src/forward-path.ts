/**
 * What happens around every `forward`: an error thrown inside is given the path of the layer that
 * threw it, and an observer (the summary) may look at outputs. Not hooks: users have no access.
 */
import { TenonError } from '@tenon/core';
import type { Module } from './module.ts';

/** Sees each module's output, innermost first. */
export type ForwardObserver = (module: Module, output: unknown) => void;

let depth = 0;
let observer: ForwardObserver | null = null;
/** The innermost module of an error on its way out; later frames leave it alone. */
const origins = new WeakMap<TenonError, Module>();
const named = new WeakSet<TenonError>();

/** The functions that stand in front of a class's own `forward`. */
const wrappers = new WeakSet<object>();

/** A function in front of `forward` that names the layer in errors. */
export function wrapForward(
  module: Module,
  forward: (...inputs: unknown[]) => unknown,
): (...inputs: unknown[]) => unknown {
  const wrapper = (...inputs: unknown[]): unknown => runForward(module, forward, inputs);
  wrappers.add(wrapper);
  return wrapper;
}

/** Whether `forward` of the module is that of its class, not one that a user put in its place. */
export function hasOwnForward(module: Module): boolean {
  return wrappers.has(module.forward);
}

/** Runs `forward` of `module`; the outermost call names the layer in errors that come through. */
function runForward(
  module: Module,
  forward: (...inputs: unknown[]) => unknown,
  inputs: unknown[],
): unknown {
  depth += 1;
  try {
    const output = Reflect.apply(forward, module, inputs);
    if (observer !== null) observer(module, output);
    return output;
  } catch (error) {
    if (error instanceof TenonError && !named.has(error)) {
      if (!origins.has(error)) origins.set(error, module);
      if (depth === 1) addPath(error, module);
    }
    throw error;
  } finally {
    depth -= 1;
  }
}

/** Calls `fn` with `next` looking at every module's output. */
export function observeForward<T>(next: ForwardObserver, fn: () => T): T {
  const previous = observer;
  observer = next;
  try {
    return fn();
  } finally {
    observer = previous;
  }
}

function addPath(error: TenonError, root: Module): void {
  const origin = origins.get(error) ?? root;
  const kind = origin.constructor.name;
  const name = root.namedModules().find(([, module]) => module === origin)?.[0] ?? '';
  const place = origin === root ? kind : `${root.constructor.name}.${name || '?'} (${kind})`;
  const { message, stack } = error;
  named.add(error);
  error.message = `${place}: ${message}`;
  // V8 writes the message into the stack when it is first asked for: above, so with the old one.
  // What the console shows is this.
  if (stack !== undefined) error.stack = stack.replace(message, () => error.message);
}

/** Training and evaluation mode for the time of a call, restored module by module. */
import type { Backend } from '@tenon/core';
import type { Module } from '../module.ts';

/** Runs `fn` and then gives every module the mode that it had, whatever happens. */
export async function withModes<T>(model: Module, fn: () => Promise<T>): Promise<T> {
  const restore = rememberModes(model);
  try {
    return await fn();
  } finally {
    restore();
  }
}

/** Notes every module's mode; the function that it gives restores them. */
export function rememberModes(model: Module): () => void {
  const modes = model.namedModules().map(([, module]) => ({ module, mode: module.training }));
  return () => {
    for (const { module, mode } of modes) module.training = mode;
  };
}

/** Where the model's parameters or buffers are; null for a model without any. */
export function backendOf(model: Module): Backend | null {
  const [first] = [...model.namedParameters(), ...model.namedBuffers()];
  return first?.[1].backend ?? null;
}

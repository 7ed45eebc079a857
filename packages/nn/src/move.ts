/** Moving variables to another backend in place. */
import { type Backend, placeVariable, type Variable } from '@tenon/core';

/** Moves all or, on error, none. Gradients are dropped. */
export async function moveVariables(all: readonly Variable[], backend: Backend): Promise<void> {
  const pending = all.filter((held) => held.backend !== backend);
  const values = await Promise.all(pending.map((held) => held.to(backend)));
  for (const [i, held] of pending.entries()) {
    const value = values[i];
    if (value !== undefined) placeVariable(held, value);
  }
}

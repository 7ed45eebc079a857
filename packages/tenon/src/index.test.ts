import * as core from '@tenon/core';
import * as data from '@tenon/data';
import * as nn from '@tenon/nn';
import { describe, expect, it } from 'vitest';
import * as tenon from './index.ts';

const all: Readonly<Record<string, unknown>> = { ...tenon };

/** What only backends need: it is in @tenon/core. */
const FOR_BACKENDS = new Set(['hostMath', 'isIdentityRegion', 'linkSteps', 'planRegion']);

/** Names that an earlier package of this one has taken. */
const RENAMED: Readonly<Record<string, string>> = { split: 'splitDataset' };

describe('tenon', () => {
  it('exports all of @tenon/core, save losses that nn has too', () => {
    const expected: Readonly<Record<string, unknown>> = { ...core, ...nn };
    for (const name of Object.keys(core)) {
      if (!FOR_BACKENDS.has(name)) expect(all[name], name).toBe(expected[name]);
    }
  });

  it('exports all of @tenon/nn', () => {
    for (const [name, value] of Object.entries(nn)) expect(all[name], name).toBe(value);
  });

  it('exports all of @tenon/data, split under another name', () => {
    for (const [name, value] of Object.entries(data)) {
      expect(all[RENAMED[name] ?? name], name).toBe(value);
    }
    expect(tenon.split).toBe(core.split);
  });

  it('has cpu-js as the default backend', async () => {
    const sum = tenon.tensor([1, 2, 3]).add(1).sum();
    expect(sum.backend.name).toBe('cpu-js');
    expect(await sum.item()).toBe(9);
  });
});

import { expect, test } from 'vitest';
import { chromium, chromiumPaths } from './vitest-browser.ts';

const isOptional = chromium === undefined && !process.env.CI;

// Without it vitest.config.ts leaves the browser tests out, which must not go unseen.
test.skipIf(isOptional)(
  'Chromium, for the tests in a browser (install chromium, or set CHROMIUM_PATH)',
  () => {
    expect(chromium, `expected one of ${chromiumPaths.join(', ')}, got none`).toBeDefined();
  },
);

// Test settings of what runs in a real browser: Debian's Chromium, headless, through Playwright.
// The pages are cross-origin isolated: SharedArrayBuffer, and so wasm threads, need both headers.
import { existsSync } from 'node:fs';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';

/** Where Chromium is looked for: $CHROMIUM_PATH alone, or where Linux distributions put it. */
export const chromiumPaths: readonly string[] = process.env.CHROMIUM_PATH
  ? [process.env.CHROMIUM_PATH]
  : ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** The Chromium that tests use, or undefined: then they are skipped, and in CI fail. */
export const chromium: string | undefined = chromiumPaths.find((path) => existsSync(path));

/**
 * The vitest project `name` in Chromium, started with `flags`, once for each variant: a test calls
 * inject('variant').
 */
export function browserProject(
  name: string,
  include: string[],
  variants: readonly string[],
  flags: readonly string[] = [],
) {
  return defineConfig({
    server: {
      headers: {
        'Cross-Origin-Opener-Policy': 'same-origin',
        'Cross-Origin-Embedder-Policy': 'require-corp',
      },
    },
    resolve: { conditions: ['@tenon/source', 'module', 'browser', 'development|production'] },
    test: {
      name,
      include,
      testTimeout: 120_000,
      hookTimeout: 120_000,
      browser: {
        enabled: true,
        headless: true,
        screenshotFailures: false,
        provider: playwright({
          launchOptions: {
            ...(chromium === undefined ? {} : { executablePath: chromium }),
            args: [
              ...['--no-sandbox', '--no-first-run', '--disable-background-networking'],
              ...['--disable-component-update', '--disable-sync', '--disable-quic'],
              ...flags,
            ],
          },
        }),
        instances: variants.map((variant) => ({
          browser: 'chromium',
          name: `${name} ${variant}`,
          provide: { variant },
        })),
      },
    },
  });
}

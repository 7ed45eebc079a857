// Packs @tenon/core, @tenon/cpu-wasm and @tenon/webgpu, installs the tarballs in a project, and
// runs a product and a few training steps there on both: in each line of Node, and in Chromium with
// each bundler and with none, isolated or not, and under a strict content security policy.
import './software-vulkan.ts';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium as playwright } from 'playwright';
import { createServer } from 'vite';
import { buildPages, folderOf, writeSources } from './consumers/bundle.ts';
import { type Expectation, problemsOf, type Result } from './consumers/expected.ts';
import { findNodes, installTarballs, pack, run } from './consumers/install.ts';
import { serve } from './consumers/serve.ts';
import { chromium } from './vitest-browser.ts';

const ROOT = join(import.meta.dirname, '..');
const ISOLATION = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};
const POLICY = {
  'Content-Security-Policy':
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; img-src data:",
};
const URLS = { wasmUrl: './tenon', workerUrl: './tenon/worker.js' };
const THREADED: Expectation = {
  isThreaded: true,
  variant: /^(simd|relaxed)-threads$/,
  note: /^threads: 2, the calling one included$/,
};

const GPU: Expectation = {
  isThreaded: false,
  variant: /^(register|workgroup|subgroup)$/,
  note: /^adapter: /,
};

let failures = 0;
let checks = 0;

function report(what: string, result: Result | { error: string }, expected: Expectation): void {
  checks++;
  const problems = 'error' in result ? [result.error] : problemsOf(result, expected);
  if (problems.length > 0) failures++;
  const outcome = 'error' in result ? '' : `${result.variant}, ${result.threads} threads`;
  console.log(`${problems.length === 0 ? 'ok  ' : 'FAIL'} ${what}: ${outcome}`);
  for (const problem of problems) console.log(`     ${problem}`);
}

function checkNodes(project: string, work: string): void {
  const code = (options: object): string =>
    `import { run } from './program.js';
     console.log(JSON.stringify(await run(${JSON.stringify(options)})));`;
  for (const [major, node] of findNodes(work)) {
    const kind = major === '20' ? 'simd' : 'relaxed';
    const attempt = (what: string, options: object, expected: Expectation): void => {
      let result: Result | { error: string };
      try {
        const output = run(node, ['--input-type=module', '-e', code(options)], project);
        result = JSON.parse(output) as Result;
      } catch (error) {
        result = { error: String(error) };
      }
      report(`Node ${major}${what}`, result, expected);
    };
    const threaded = { ...THREADED, variant: new RegExp(`^${kind}-threads$`) };
    attempt('', { threads: 2 }, threaded);
    const single = { isThreaded: false, variant: new RegExp(`^${kind}$`), note: /off, by option$/ };
    attempt(', one thread', { threads: 1 }, single);
    const dist = join(project, 'node_modules/@tenon/cpu-wasm/dist');
    const workerUrl = join(dist, 'worker.js');
    attempt(', files', { threads: 2, wasmUrl: `file://${dist}/wasm`, workerUrl }, threaded);
  }
}

/** Runs the program on webgpu; without Dawn it has to say what to install. */
function checkGpuInNode(project: string, work: string): void {
  const code = `import { run as runOnGpu } from './program-webgpu-node.js';
     console.log(JSON.stringify(await runOnGpu({})));`;
  const nodes = findNodes(work);
  for (const [major, node] of nodes) {
    let said = 'nothing';
    try {
      run(node, ['--input-type=module', '-e', code], project);
    } catch (error) {
      said = String(error);
    }
    checks++;
    const isGood = said.includes('BackendError') && said.includes('npm install webgpu');
    if (!isGood) failures++;
    console.log(`${isGood ? 'ok  ' : 'FAIL'} Node ${major}, webgpu without its peer`);
    if (!isGood) console.log(`     expected 'npm install webgpu', got ${said}`);
  }
  // A link and no installation: the package has 132 MB.
  const dawn = realpathSync(join(ROOT, 'packages/webgpu/node_modules/webgpu'));
  symlinkSync(dawn, join(project, 'node_modules/webgpu'), 'junction');
  for (const [major, node] of nodes) {
    let result: Result | { error: string };
    try {
      result = JSON.parse(run(node, ['--input-type=module', '-e', code], project)) as Result;
    } catch (error) {
      result = { error: String(error) };
    }
    report(`Node ${major}, webgpu`, result, GPU);
  }
}

async function openPage(browser: Browser, url: string): Promise<Result | { error: string }> {
  const page = await browser.newPage();
  const messages: string[] = [];
  page.on('console', (message) => messages.push(message.text()));
  page.on('pageerror', (error) => messages.push(String(error)));
  try {
    await page.goto(url);
    await page.waitForFunction(() => 'result' in globalThis, undefined, { timeout: 60_000 });
    return await page.evaluate(() => (globalThis as { result?: Promise<Result> }).result as never);
  } catch (error) {
    return { error: [String(error), ...messages].join('\n     ') };
  } finally {
    await page.close();
  }
}

const gpuAddress = (site: string, name: string): string =>
  `${site}/${folderOf(name)}/index.html?backend=webgpu`;

const address = (site: string, name: string, options: object): string =>
  `${site}/${folderOf(name)}/index.html?options=${encodeURIComponent(JSON.stringify(options))}`;

async function checkPages(browser: Browser, project: string, out: string): Promise<void> {
  const names = await buildPages(project, out);
  const isolated = await serve(out, ISOLATION);
  const plain = await serve(out, {});
  const strict = await serve(out, { ...ISOLATION, ...POLICY });
  const single = (note: RegExp): Expectation => ({
    isThreaded: false,
    variant: /^(simd|relaxed)(-threads)?$/,
    note,
  });
  try {
    for (const name of names) {
      const two = { threads: 2 };
      const open = (site: string, options: object): Promise<Result | { error: string }> =>
        openPage(browser, address(site, name, options));
      report(`${name}, isolated`, await open(isolated.url, two), THREADED);
      const whyNot = single(/^threads: off, the page is not cross-origin isolated/);
      report(`${name}, not isolated`, await open(plain.url, two), whyNot);
      report(`${name}, URLs`, await open(isolated.url, { ...two, ...URLS }), THREADED);
      report(`${name}, webgpu`, await openPage(browser, gpuAddress(plain.url, name)), GPU);
      // An import map is an inline script, which this policy forbids.
      if (name === 'import map') continue;
      report(`${name}, strict, URLs`, await open(strict.url, { ...two, ...URLS }), THREADED);
      report(`${name}, strict, webgpu`, await openPage(browser, gpuAddress(strict.url, name)), GPU);
      const blocked = single(/^threads: off; .*worker-src/);
      report(`${name}, strict, no URLs`, await open(strict.url, two), blocked);
    }
  } finally {
    for (const site of [isolated, plain, strict]) site.close();
  }
}

/** Vite's development server, which bundles packages on its own terms. */
async function checkViteDev(browser: Browser, project: string): Promise<void> {
  const server = await createServer({
    root: project,
    logLevel: 'error',
    server: { headers: ISOLATION, host: '127.0.0.1', port: 0 },
  });
  try {
    await server.listen();
    const site = server.resolvedUrls?.local[0] ?? '';
    const options = encodeURIComponent(JSON.stringify({ threads: 2 }));
    const result = await openPage(browser, `${site}?options=${options}`);
    report('vite dev, isolated', result, THREADED);
    report('vite dev, webgpu', await openPage(browser, `${site}?backend=webgpu`), GPU);
  } finally {
    await server.close();
  }
}

const work = mkdtempSync(join(tmpdir(), 'tenon-consumers-'));
try {
  const folders = ['core', 'cpu-wasm', 'webgpu'].map((name) => join(ROOT, 'packages', name));
  const tarballs = pack(folders, join(work, 'tarballs'));
  const project = join(work, 'project');
  installTarballs(project, tarballs);
  writeSources(project);
  checkNodes(project, work);
  checkGpuInNode(project, work);
  const args = ['--no-sandbox', '--disable-quic', '--disable-background-networking'];
  args.push('--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader');
  const browser = await playwright.launch({
    args,
    ...(chromium === undefined ? {} : { executablePath: chromium }),
  });
  try {
    const out = join(work, 'pages');
    mkdirSync(out);
    await checkPages(browser, project, out);
    await checkViteDev(browser, project);
  } finally {
    await browser.close();
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
console.log(`check-consumers: ${checks} consumers, ${failures} errors`);
process.exitCode = failures > 0 ? 1 : 0;

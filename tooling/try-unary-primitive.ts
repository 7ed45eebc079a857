// Proves CONTRIBUTING's recipe "Add a unary primitive": with every listed file edited the sources
// compile, with any one left out they do not. Edits live in memory; nothing is written.
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';

/** One file of the recipe: `text` goes in front of the line that starts with `before`. */
interface Edit {
  readonly file: string;
  readonly before: string;
  readonly text: string;
}

/** The files that a new unary primitive takes, with cube(x) = x³ as the example. */
export const RECIPE: readonly Edit[] = [
  {
    file: 'packages/core/src/scalars.ts',
    before: '  neg: 1,',
    text: '  cube: 1,\n',
  },
  {
    file: 'packages/core/src/primitives/unary.ts',
    before: '  neg: unary(',
    text: `  /** x³ */
  cube: unary('cube', requireFloat, INPUT, (ops, ctx) => ops.mul(ops.square(ctx.input(0)), 3)),\n`,
  },
  {
    file: 'packages/core/src/ops/elementwise.ts',
    before: 'export function neg(',
    text: `export function cube(x: Tensor): Tensor {\n  return float('cube', x);\n}\n`,
  },
  {
    file: 'packages/core/src/index.ts',
    before: '  neg,',
    text: '  cube,\n',
  },
  {
    file: 'packages/cpu-js/src/scalars.ts',
    before: '  neg: row(',
    text: `  cube: row((a) => \`\${a} * \${a} * \${a}\`, (a) => a * a * a),\n`,
  },
  {
    file: 'packages/cpu-js/src/test-support.ts',
    before: '  neg: (',
    text: '  cube: ([a = 0]) => a * a * a,\n',
  },
  {
    file: 'packages/cpu-wasm/src/codegen/scalars.ts',
    before: '  neg: unary(',
    text: '  cube: unary((lanes, a) => lanes.mul(lanes.mul(a, a), a)),\n',
  },
  {
    file: 'packages/webgpu/src/codegen/scalars.ts',
    before: '  neg: row(',
    text: `  cube: row(([a]) => plain(\`\${a} * \${a} * \${a}\`)),\n`,
  },
  {
    file: 'packages/conformance/src/reference.ts',
    before: '  neg: (',
    text: '  cube: ([a]) => a! * a! * a!,\n',
  },
  {
    file: 'packages/conformance/src/samples/scalars.ts',
    before: '  neg: numeric,',
    text: '  cube: () => floating(-9, 9),\n',
  },
  {
    file: 'packages/conformance/src/samples/gradients.ts',
    before: '  neg: [',
    text: `  cube: [of('cube', core.cube)],\n`,
  },
  {
    file: 'packages/conformance/src/suites/primitives.ts',
    before: '  neg: unary(',
    text: '  cube: unary(core.cube, FLOATS),\n',
  },
];

/** The text with the edit made. @throws when the file has no such line */
export function applyEdit(text: string, { file, before, text: added }: Edit): string {
  const at = text.startsWith(before) ? 0 : text.indexOf(`\n${before}`) + 1;
  if (at === 0 && !text.startsWith(before)) {
    throw new Error(`${file}: expected a line that starts with '${before}', found none`);
  }
  return text.slice(0, at) + added + text.slice(at);
}

/** Type-checks the five packages with some files replaced. */
class Checker {
  readonly #root: string;
  readonly #options: ts.CompilerOptions;
  readonly #files: readonly string[];
  readonly #parsed = new Map<string, ts.SourceFile | undefined>();
  #program: ts.Program | undefined;

  constructor(root: string) {
    this.#root = root;
    const configs = ['core', 'cpu-js', 'cpu-wasm', 'webgpu', 'conformance'].map((name) => {
      const path = join(root, 'packages', name, 'tsconfig.json');
      const { config } = ts.readConfigFile(path, ts.sys.readFile);
      return ts.parseJsonConfigFileContent(config, ts.sys, join(root, 'packages', name));
    });
    // Those of webgpu: its types of the device as well.
    this.#options = configs[3]!.options;
    // What runs in a browser tells vitest its own variants, package by package.
    this.#files = configs
      .flatMap((config) => config.fileNames)
      .filter((name) => !name.includes('/browser/'));
  }

  /** The first error of each file with errors, as text. */
  errors(edits: readonly Edit[]): string[] {
    const host = this.#host(new Map(edits.map((edit) => [join(this.#root, edit.file), edit])));
    const program = ts.createProgram({
      rootNames: this.#files,
      options: this.#options,
      host,
      ...(this.#program === undefined ? {} : { oldProgram: this.#program }),
    });
    this.#program = program;
    const seen = new Set<string>();
    return ts.getPreEmitDiagnostics(program).flatMap(({ file, messageText }) => {
      const name = relative(this.#root, file?.fileName ?? '');
      if (seen.has(name)) return [];
      seen.add(name);
      return [`${name}: ${ts.flattenDiagnosticMessageText(messageText, ' ').slice(0, 120)}`];
    });
  }

  #host(edits: ReadonlyMap<string, Edit>): ts.CompilerHost {
    const host = ts.createCompilerHost(this.#options);
    return {
      ...host,
      getSourceFile: (path, target) => {
        const edit = edits.get(path);
        const key = edit === undefined ? path : `${path}+`;
        if (this.#parsed.has(key)) return this.#parsed.get(key);
        const text = host.readFile(path);
        const edited = text === undefined || edit === undefined ? text : applyEdit(text, edit);
        const file =
          edited === undefined ? undefined : ts.createSourceFile(path, edited, target, true);
        this.#parsed.set(key, file);
        return file;
      },
    };
  }
}

/** Files that CONTRIBUTING.md names under the recipe's heading, in its order. */
export function listedFiles(markdown: string): string[] {
  const [, section = ''] = markdown.split('## Add a unary primitive');
  const [text = ''] = section.split('\n## ');
  return [...text.matchAll(/`(packages\/[^`]+\.ts)`/g)].map((match) => match[1] as string);
}

/** Tries the recipe whole, then without each file. Gives what went wrong. */
export function tryRecipe(root: string, log: (line: string) => void): string[] {
  const checker = new Checker(root);
  const before = checker.errors([]);
  if (before.length > 0) return before.map((error) => `without any edit: ${error}`);
  const problems = checker.errors(RECIPE).map((error) => `with every file edited: ${error}`);
  if (problems.length === 0) log(`all ${RECIPE.length} files edited: compiles`);
  for (const left of RECIPE) {
    const [first] = checker.errors(RECIPE.filter((edit) => edit !== left));
    if (first === undefined) problems.push(`without ${left.file}: expected an error, it compiles`);
    else log(`without ${left.file}: ${first}`);
  }
  return problems;
}

if (import.meta.main) {
  const root = join(import.meta.dirname, '..');
  const listed = listedFiles(readFileSync(join(root, 'CONTRIBUTING.md'), 'utf8'));
  const problems = tryRecipe(root, console.log);
  if (listed.join() !== RECIPE.map(({ file }) => file).join()) {
    problems.unshift(`CONTRIBUTING.md lists other files: ${listed.join(', ') || 'none'}`);
  }
  for (const problem of problems) console.error(`error: ${problem}`);
  console.log(`try-unary-primitive: ${RECIPE.length} files, ${problems.length} problems`);
  if (problems.length > 0) process.exitCode = 1;
}

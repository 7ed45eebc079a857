/**
 * Writes dist/**.d.ts of the package in the current folder, one for each source file that its
 * entries reach (so none for tests' helpers). tsup's own bundler of declarations cannot take a
 * namespace type (core's `Ops`). Imports end in .js there, since TypeScript does not rewrite the
 * .ts of the sources in declarations.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';

/** `from './x.ts'` and `import('./x.ts')` → './x.js'; other text stays. */
export function withJsExtensions(text: string): string {
  return text.replace(/(from\s+|import\(|import\s+)(['"])(\.{1,2}\/[^'"]+)\.ts\2/g, '$1$2$3.js$2');
}

type Exports = Readonly<Record<string, string | Readonly<Record<string, string>>>>;

/** The TypeScript sources that a package.json's `exports` name for the condition @tenon/source. */
export function entriesOf(exports: Exports): string[] {
  return Object.values(exports).flatMap((entry) => {
    const source = typeof entry === 'string' ? undefined : entry['@tenon/source'];
    return source?.endsWith('.ts') ? [source] : [];
  });
}

function build(folder: string): number {
  const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: report };
  const overrides: ts.CompilerOptions = {
    noEmit: false,
    emitDeclarationOnly: true,
    declaration: true,
    outDir: join(folder, 'dist'),
    rootDir: join(folder, 'src'),
    // Other packages as their users see them: built.
    customConditions: [],
  };
  const config = join(folder, 'tsconfig.build.json');
  const parsed = ts.getParsedCommandLineOfConfigFile(config, overrides, host);
  if (parsed === undefined) return 1;
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    exports: Exports;
  };
  const entries = entriesOf(manifest.exports).map((entry) => join(folder, entry));
  const program = ts.createProgram(entries, parsed.options);
  const { diagnostics } = program.emit(undefined, (file, text) => {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, withJsExtensions(text));
  });
  const all = [...ts.getPreEmitDiagnostics(program), ...diagnostics];
  all.forEach(report);
  return all.length === 0 ? 0 : 1;
}

function report(diagnostic: ts.Diagnostic): void {
  const formatHost: ts.FormatDiagnosticsHost = {
    getCurrentDirectory: () => process.cwd(),
    getCanonicalFileName: (file) => file,
    getNewLine: () => '\n',
  };
  process.stderr.write(ts.formatDiagnostic(diagnostic, formatHost));
}

if (process.argv[1] === import.meta.filename) process.exitCode = build(process.cwd());

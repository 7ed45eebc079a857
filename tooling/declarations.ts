/**
 * Writes dist/**.d.ts of the package in the current folder, one for each source file that index.ts
 * reaches (so none for tests' helpers). tsup's own
 * bundler of declarations cannot take a namespace type (core's `Ops`). Imports end in .js there,
 * since TypeScript does not rewrite the .ts of the sources in declarations.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';

/** `from './x.ts'` and `import('./x.ts')` → './x.js'; other text stays. */
export function withJsExtensions(text: string): string {
  return text.replace(/(from\s+|import\(|import\s+)(['"])(\.{1,2}\/[^'"]+)\.ts\2/g, '$1$2$3.js$2');
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
  const program = ts.createProgram([join(folder, 'src/index.ts')], parsed.options);
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

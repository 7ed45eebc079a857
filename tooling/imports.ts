// Reads the import and export declarations of a TypeScript file, and finds import cycles.
import ts from 'typescript';

/** One `import`, `export … from` or `import()` of a file. */
export interface Import {
  specifier: string;
  /** Erased by the compiler. With verbatimModuleSyntax only `import type` is, not `{ type X }`. */
  isType: boolean;
  isDynamic: boolean;
  line: number;
}

/** Every import of `text`, in order of appearance. */
export function readImports(path: string, text: string): Import[] {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest);
  const imports: Import[] = [];
  const add = (node: ts.Node, specifier: ts.Node, isType: boolean, isDynamic: boolean): void => {
    if (!ts.isStringLiteralLike(specifier)) return;
    const line = source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
    imports.push({ specifier: specifier.text, isType, isDynamic, line });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      const isType = node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
      add(node, node.moduleSpecifier, isType, false);
    } else if (ts.isExportDeclaration(node)) {
      if (node.moduleSpecifier) add(node, node.moduleSpecifier, node.isTypeOnly, false);
    } else if (ts.isImportTypeNode(node)) {
      if (ts.isLiteralTypeNode(node.argument)) add(node, node.argument.literal, true, false);
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [specifier] = node.arguments;
      if (specifier) add(node, specifier, false, true);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return imports;
}

/** The cycles that a depth-first walk of `edges` meets, each as a path that ends where it began. */
export function findCycles(edges: ReadonlyMap<string, readonly string[]>): string[][] {
  const cycles: string[][] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (node: string): void => {
    const start = path.indexOf(node);
    if (start >= 0) cycles.push([...path.slice(start), node]);
    if (start >= 0 || done.has(node)) return;
    path.push(node);
    for (const next of edges.get(node) ?? []) visit(next);
    path.pop();
    done.add(node);
  };
  for (const node of edges.keys()) visit(node);
  return cycles;
}

// What must hold for the package.json inside a published tarball.

/** The fields read here. */
export interface PackedManifest {
  name: string;
  license?: string;
  type?: string;
  exports?: Record<string, string | Record<string, string>>;
  bin?: Record<string, string>;
  dependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
}

/** Problems of `manifest`, given the paths in the tarball relative to its folder. */
export function manifestProblems(manifest: PackedManifest, paths: ReadonlySet<string>): string[] {
  const problems: string[] = [];
  for (const path of ['LICENSE', 'README.md']) {
    if (!paths.has(path)) problems.push(`${path} is missing from the tarball`);
  }
  if (manifest.license !== 'MIT') problems.push("license: 'MIT' expected");
  if (manifest.type !== 'module') problems.push("type: 'module' expected");
  const targets = Object.values(manifest.bin ?? {});
  for (const entry of Object.values(manifest.exports ?? {})) {
    if (typeof entry === 'string') targets.push(entry);
    else targets.push(...Object.values(entry));
    if (typeof entry === 'object' && '@tenon/source' in entry) {
      problems.push('the condition @tenon/source must not be published (publishConfig.exports)');
    }
  }
  for (const target of targets) {
    if (!paths.has(target.replace(/^\.\//, ''))) problems.push(`${target} is not in the tarball`);
  }
  for (const [name, version] of Object.entries({
    ...manifest.dependencies,
    ...manifest.peerDependencies,
  })) {
    if (version.startsWith('workspace:')) problems.push(`${name}: ${version} was not replaced`);
  }
  if (manifest.name === '@tenon/core' && Object.keys(manifest.dependencies ?? {}).length > 0) {
    problems.push('@tenon/core must have no dependency');
  }
  return problems;
}

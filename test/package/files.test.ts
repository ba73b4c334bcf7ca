/** What `npm pack` puts into the package: all that is loaded there, and of its own nothing that is not. */
import {spawnSync} from 'node:child_process';
import fs from 'node:fs';
import {isBuiltin} from 'node:module';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const settings = JSON.parse(fs.readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  exports: Record<string, string | {default: string}>;
  man: string[];
  dependencies: Record<string, string>;
  bundleDependencies: string[];
};
/** What others import, and what worker threads and the process of a token run. */
const ENTRIES = [
  ...Object.values(settings.exports).flatMap((target) => (typeof target === 'string' ? [] : [target.default])),
  './dist/src/bulk/jobs/thread.js',
  './dist/src/pkcs11/child.js',
].map((path) => /^\.\/(.*)\.js$/.exec(path)![1]!);

describe('package', () => {
  let files: Set<string>;

  before(() => {
    const args = ['pack', '--dry-run', '--json', '--ignore-scripts'];
    const {stdout, stderr} = spawnSync('npm', args, {cwd: ROOT, encoding: 'utf8'});
    expect(stdout, stderr).to.not.equal('');
    const answer = JSON.parse(stdout) as unknown;
    // A list; of npm 12 an object by name.
    const [packed] = (Array.isArray(answer) ? answer : Object.values(answer as object)) as {files: {path: string}[]}[];
    files = new Set(packed!.files.map(({path}) => path));
  });

  it('has every manual page, and names it to npm', () => {
    const pages = fs.readdirSync(join(ROOT, 'man')).sort();
    expect([...settings.man].sort(), 'man in package.json').to.deep.equal(pages.map((page) => `./man/${page}`));
    expect([...files]).to.include.members(pages.map((page) => `man/${page}`));
  });

  it('has what its modules import, and their types', () => {
    for (const end of ['.js', '.d.ts']) {
      for (const path of reached(ENTRIES, end)) expect(files.has(path), path).to.equal(true);
    }
  });

  it('has no module that imports what it has not', () => {
    const modules = [...files].filter((path) => /^dist\/src\/.*\.(js|d\.ts)$/.test(path));
    for (const path of modules) {
      for (const name of importsOf(path)) {
        const isThere = name.startsWith('.')
          ? files.has(beside(path, name))
          : isBuiltin(name) || packageOf(name) in settings.dependencies;
        expect(isThere, `${name}, imported by ${path}`).to.equal(true);
      }
    }
  });

  it('has the bundle, and the terms of what is in it', () => {
    const bundle = ['dek.cjs', 'dek.cjs.map', 'fastify.cjs', 'grpc.cjs', 'prom-client.cjs', 'LICENSES.txt'];
    const there = [...files].filter((path) => path.startsWith('dist/bundle/'));
    expect(there).to.have.members(bundle.map((file) => `dist/bundle/${file}`));
    const terms = fs.readFileSync(join(ROOT, 'dist/bundle/LICENSES.txt'), 'utf8');
    expect(terms)
      .to.match(/^fastify 5\..* \(MIT\)\n\nMIT License\n/m)
      .and.match(/^@oclif\/core 4\./m);
  });

  it('has nothing that only a developer needs', () => {
    const own = [...files].filter((path) => !path.startsWith('node_modules/'));
    const unneeded = /^(oclif|test\/.*\.ts|dist\/(src\/(cli|commands)|test|bench|scripts)\/|bench|scripts)/;
    expect(own.filter((path) => unneeded.test(path))).to.deep.equal([]);
    expect(own.filter((path) => /^dist.*\.map$/.test(path))).to.deep.equal(['dist/bundle/dek.cjs.map']);
  });

  it('has libmlx5dek, to be built beside the agent that it fits, and nothing that was built of it', () => {
    const client = [...files].filter((path) => path.startsWith('client/'));
    const build = ['Makefile', 'mlx5dek.c', 'mlx5dek.h', 'mlx5dek.map', 'mlx5dek.pc.in', 'examples/blockstore.c'];
    expect(client).to.include.members([...build, 'man/mlx5dek.3'].map((name) => `client/${name}`));
    expect(client.filter((path) => path.startsWith('client/build/'))).to.deep.equal([]);
  });

  it('takes its dependencies along, each in the version that was tested', () => {
    expect(settings.bundleDependencies).to.have.members(Object.keys(settings.dependencies));
    for (const [name, version] of Object.entries(settings.dependencies)) {
      expect(files.has(`node_modules/${name}/package.json`), name).to.equal(true);
      const there = JSON.parse(fs.readFileSync(join(ROOT, 'node_modules', name, 'package.json'), 'utf8'));
      expect(there.version, name).to.equal(version);
    }
  });
});

/** The files that these modules load, from the package's root. */
function reached(entries: readonly string[], end: string): Set<string> {
  const seen = new Set<string>();
  const queue = entries.map((entry) => `${entry}${end}`);
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (seen.has(path)) continue;
    seen.add(path);
    queue.push(...importsOf(path).flatMap((name) => (name.startsWith('.') ? [beside(path!, name)] : [])));
  }
  return seen;
}

/** `import`, `export` and `import()`, as they stand in what the compiler wrote. */
function importsOf(path: string): string[] {
  const text = fs.readFileSync(join(ROOT, path), 'utf8');
  const found = text.matchAll(/(?:^(?:import|export) (?:[^;'"]* from )?|\bimport\()['"]([^'"]+)['"]/gm);
  return [...found].map(([, name]) => name!);
}

/** The path of a module that another one imports; of types, those beside it. */
function beside(path: string, name: string): string {
  const target = join(dirname(path), name);
  return path.endsWith('.d.ts') ? target.replace(/\.js$/, '.d.ts') : target;
}

function packageOf(name: string): string {
  return /^(@[^/]+\/)?[^/]+/.exec(name)![0];
}

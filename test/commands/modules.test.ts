/**
 * What each command loads. It starts as fast as it does because it loads nothing else: a module more is to be seen in a
 * review.
 */
import fs from 'node:fs';
import {isBuiltin} from 'node:module';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {COMMANDS} from '../../src/command-table.js';

interface Module {
  imports: {path: string; kind: string; external?: boolean}[];
}

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const SNAPSHOT = `${ROOT}test/commands/modules.json`;
const modules: Record<string, Module> = JSON.parse(fs.readFileSync(`${ROOT}dist/bundle/dek.meta.json`, 'utf8'));

describe('modules', () => {
  const loaded = Object.fromEntries(Object.keys(COMMANDS).map((name) => [name, loadedBy(name)]));

  it('of each command are those that were reviewed', () => {
    // What every command loads stands once: the packages, and the ground that all commands stand on.
    const [first, ...others] = Object.values(loaded);
    const every = first!.filter((module) => others.every((all) => all.includes(module)));
    const besides = Object.entries(loaded).map(([name, all]) => [name, all.filter((one) => !every.includes(one))]);
    const snapshot = {every, besides: Object.fromEntries(besides)};
    if (process.env['UPDATE']) fs.writeFileSync(SNAPSHOT, `${JSON.stringify(snapshot, null, 2)}\n`);
    const hint = 'if the change is meant, run the tests with UPDATE=1 and commit test/commands/modules.json';
    expect(snapshot, hint).to.deep.equal(JSON.parse(fs.readFileSync(SNAPSHOT, 'utf8')));
  });

  for (const [name, all] of Object.entries(loaded)) {
    it(`of dek ${name} are none of another command, nor those of the agent's server`, () => {
      expect(all.filter((module) => module.startsWith('commands/'))).to.deep.equal([
        `commands/${name.replaceAll(' ', '/')}`,
      ]);
      expect(all).to.not.include.oneOf(['agent/server/server', './fastify.cjs', './prom-client.cjs']);
    });
  }
});

describe('imports', () => {
  const floors = [/^src\/(main|command-table)\.ts$/, /^src\/commands\//, /^src\/cli\//, /^src\//];
  const floorOf = (path: string): number => floors.findIndex((floor) => floor.test(path));

  it('point from main to the commands, to what they share, to the rest', () => {
    const up = Object.entries(modules).flatMap(([path, {imports}]) =>
      imports.filter(({path: next}) => floorOf(next) >= 0 && floorOf(next) < floorOf(path)).map((next) => [path, next]),
    );
    expect(up).to.deep.equal([]);
  });

  it('of a command are by the table only, and the table has every command', () => {
    const commands = Object.keys(modules).filter((path) => floorOf(path) === 1);
    const files = fs
      .readdirSync(`${ROOT}src/commands`, {recursive: true, encoding: 'utf8'})
      .filter(
        (file) =>
          /\.ts$/.test(file) && /^export default class/m.test(fs.readFileSync(`${ROOT}src/commands/${file}`, 'utf8')),
      );
    expect(commands).to.have.members(files.map((file) => `src/commands/${file}`));
    expect(Object.keys(COMMANDS)).to.have.members(files.map((file) => file.replaceAll('/', ' ').replace('.ts', '')));
  });
});

/** Ours by their path in src, of others the packages: what the bundle runs when it loads the command. */
function loadedBy(name: string): string[] {
  const seen = new Set<string>();
  const queue = ['src/main.ts', `src/commands/${name.replaceAll(' ', '/')}.ts`];
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (seen.has(path)) continue;
    seen.add(path);
    for (const {path: next, kind} of modules[path]?.imports ?? []) if (kind !== 'dynamic-import') queue.push(next);
  }
  const names = [...seen].filter((path) => !isBuiltin(path)).map((path) => path.replace(/^src\/(.*)\.ts$/, '$1'));
  return [...new Set(names.map((path) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? path))].sort();
}

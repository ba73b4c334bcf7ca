/** Who imports whom in src/, types included: in the order that CONTRIBUTING.md and docs/architecture.md state. */
import fs from 'node:fs';
import {posix} from 'node:path';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SOURCES = fs
  .readdirSync(`${ROOT}src`, {recursive: true, encoding: 'utf8'})
  .filter((path) => path.endsWith('.ts'))
  .map((path) => path.replaceAll('\\', '/'));

/** The folders of src/ by their floor, the topmost first, and files of it: `main`. */
function floorsIn(text: string): string[][] {
  const [rule] = /main -> commands -> [^`]*dek-layout/.exec(text.replace(/\s+/g, ' '))!;
  return rule.split(' -> ').map((floor) => floor.split(', '));
}

/** What the file imports, by its path in src/. */
function importsOf(path: string): string[] {
  const text = fs.readFileSync(`${ROOT}src/${path}`, 'utf8');
  const found = text.matchAll(/^(?:import|export) [^;]*?from '(\.[^']+)'|\bimport\('(\.[^']+)'\)/gm);
  return [...found].map(([, still, dynamic]) =>
    posix.join(posix.dirname(path), still ?? dynamic!).replace('.js', '.ts'),
  );
}

describe('imports of src', () => {
  const floors = floorsIn(fs.readFileSync(`${ROOT}CONTRIBUTING.md`, 'utf8'));
  const floorOf = (path: string): number => floors.findIndex((names) => names.includes(path.split(/[/.]/)[0]!));
  const all = SOURCES.flatMap((path) => importsOf(path).map((next) => [path, next] as const));

  it('point down the order that CONTRIBUTING.md states', () => {
    const up = all.filter(([path, next]) => floorOf(next) >= 0 && floorOf(next) < floorOf(path));
    expect(all).to.have.length.above(1000);
    expect(up).to.deep.equal([]);
  });

  it('are in that order with every folder, and in docs/architecture.md the same', () => {
    const folders = new Set(SOURCES.filter((path) => path.includes('/')).map((path) => path.split('/')[0]!));
    for (const folder of folders) expect(floors.flat()).to.include(folder);
    expect(floorsIn(fs.readFileSync(`${ROOT}docs/architecture.md`, 'utf8'))).to.deep.equal(floors);
  });

  it('keep wrap and rdma apart, and the virtual ConnectX from rdma', () => {
    const apart = [
      ['wrap', 'rdma'],
      ['rdma', 'wrap'],
      ['rdma', 'virtual'],
    ];
    const broken = all.filter(([path, next]) =>
      apart.some(([from, to]) => path.startsWith(`${from}/`) && next.startsWith(`${to}/`)),
    );
    expect(broken).to.deep.equal([]);
  });
});

/** What `npm run lint` says of long lines. */
import {spawnSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {temporaryDirectory} from '../support/temporary-directory.js';

const SCRIPT = fileURLToPath(new URL('../../../scripts/long-lines.mjs', import.meta.url));

describe('long-lines', () => {
  const directory = temporaryDirectory();
  after(() => fs.rmSync(directory, {recursive: true}));

  /** What is said of a file of this name and content. */
  function check(name: string, ...lines: string[]): [status: number | null, stderr: string] {
    const file = join(directory, name);
    fs.mkdirSync(join(file, '..'), {recursive: true});
    fs.writeFileSync(file, lines.join('\n'));
    const {status, stderr} = spawnSync(process.execPath, [SCRIPT, name], {cwd: directory, encoding: 'utf8'});
    return [status, stderr];
  }

  for (const [title, name, lines, said] of [
    ['a comment', 'a.ts', ['', `// ${'x'.repeat(118)}`], 'a.ts:2: 121 columns, at most 120\n'],
    ['a string', 'a.ts', [`  '${'é'.repeat(120)}',`], 'a.ts:1: 125 columns, at most 120\n'],
    ['a tab', 'a.c', [`\t${'x'.repeat(113)}`], 'a.c:1: 121 columns, at most 120\n'],
    ['prose', 'a.md', ['```', 'x'.repeat(130), '```', 'x'.repeat(121)], 'a.md:4: 121 columns, at most 120\n'],
  ] as const) {
    it(`names ${title} that is too long`, () => {
      expect(check(name, ...lines)).to.deep.equal([1, said]);
    });
  }

  for (const [title, name, line] of [
    ['a line of 120 columns', 'a.ts', 'é'.repeat(120)],
    ['a row of a table', 'a.md', `| ${'x'.repeat(120)} |`],
    ['what is generated', 'man/dek.1', 'x'.repeat(121)],
    ['data', 'vectors/dek.json', 'x'.repeat(121)],
    ['what programs print', 'test/commands/sessions/a.txt', 'x'.repeat(121)],
  ] as const) {
    it(`lets ${title} be`, () => {
      expect(check(name, line)).to.deep.equal([0, '']);
    });
  }
});

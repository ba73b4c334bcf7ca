/** The programs of docs/library.md, from its own text: they compile strictly, and run on a virtual ConnectX. */
import {spawnSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {Terminal} from '../support/process/terminal.js';
import {temporaryDirectory} from '../support/temporary-directory.js';
import {ROOT, sessionsOf} from './blocks.js';

/** What stands before the program, which leaves to its readers where keys come from. */
const KEYS = `
import {randomBytes} from 'node:crypto';
import {readFileSync} from 'node:fs';
const [kek, credential] = [readFileSync('kek'), readFileSync('credential.wrapped')] as const;
const [key1, key2, keytag] = [randomBytes(32), randomBytes(32), randomBytes(8)] as const;
`;
/** What a program does with them. */
const SHARES = `
const shared = await attach();
console.log([...shared.deks.keys()].join(' '));
const followed = follow(shared);
shared.close();
await followed;
`;

describe('docs/library.md', () => {
  const [imports, ...rest] = sessionsOf('docs/library.md').get('program')!.split('\n\n');
  let folder: string;

  before(() => {
    folder = temporaryDirectory();
    fs.mkdirSync(join(folder, 'node_modules'));
    fs.symlinkSync(ROOT, join(folder, 'node_modules/mlx5-dek'));
    fs.symlinkSync(join(ROOT, 'node_modules/@types'), join(folder, 'node_modules/@types'));
    fs.writeFileSync(join(folder, 'example.mts'), [imports, KEYS, ...rest].join('\n\n'));
    fs.writeFileSync(
      join(folder, 'shared.mts'),
      [sessionsOf('docs/library.md').get('shared-context')!, SHARES].join('\n'),
    );
  });
  after(() => fs.rmSync(folder, {recursive: true}));

  for (const words of ['--module nodenext', '--module esnext --moduleResolution bundler']) {
    it(`compile with ${words}`, () => {
      const strict = [
        '--strict',
        '--exactOptionalPropertyTypes',
        '--noUncheckedIndexedAccess',
        '--skipLibCheck',
        'false',
      ];
      const flags = ['--ignoreConfig', '--target', 'es2023', '--types', 'node', ...strict, ...words.split(' ')];
      const tsc = join(ROOT, 'node_modules/.bin/tsc');
      const {status, stdout} = spawnSync(tsc, [...flags, 'example.mts', 'shared.mts'], {cwd: folder, encoding: 'utf8'});
      expect(status, stdout).to.equal(0);
    });
  }

  it('run', async () => {
    await Terminal.with(async (terminal) => {
      const wrap = 'dek credential wrap file:nic/officer/credential --kek file:kek --output credential.wrapped';
      const {output: said, exit: wrapped} = await terminal.run(wrap);
      expect(wrapped, said).to.equal(0);
      const {output, exit} = await terminal.run(`dek run -- '${process.execPath}' '${join(folder, 'example.mjs')}'`);
      expect({output, exit}).to.deep.equal({output: 'READY\n', exit: 0});
      const login = '--import-kek-id 0x20 --credential-id 0x10 --credential credential.wrapped';
      await terminal.run(`dek keygen --count 2 --name vol-%d --kek file:kek ${login} --output manifest`);
      const shared = await terminal.run(
        `dek run --manifest manifest -- '${process.execPath}' '${join(folder, 'shared.mjs')}'`,
      );
      expect(shared).to.deep.equal({output: 'vol-1 vol-2\n', exit: 0});
    });
  });
});

import {spawnSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {fstatNow, lstatNow, statNow} from '../../src/files/stat.js';
import {temporaryDirectory} from '../support/temporary-directory.js';

const SRC = fileURLToPath(new URL('../../../src', import.meta.url));
const MODULE = fileURLToPath(new URL('../../src/files/stat.js', import.meta.url));

describe('stat', () => {
  let directory: string;

  beforeEach(() => {
    directory = temporaryDirectory();
  });
  afterEach(() => fs.rmSync(directory, {recursive: true}));

  it('tells what is there, and what is not', () => {
    const [file, link] = [join(directory, 'file'), join(directory, 'link')];
    fs.writeFileSync(file, 'abc');
    fs.symlinkSync('file', link);
    expect(statNow(link)?.size).to.equal(3n);
    expect(lstatNow(link)?.isSymbolicLink()).to.equal(true);
    const fd = fs.openSync(file, 'r');
    expect(fstatNow(fd).isFile()).to.equal(true);
    fs.closeSync(fd);
    const missing = join(directory, 'none');
    expect([statNow(missing), lstatNow(missing)]).to.deep.equal([undefined, undefined]);
  });

  for (const call of ['statNow(pipe)', 'lstatNow(pipe)', 'fstatNow(fd)']) {
    it(`leaves Node able to resolve links after ${call} on a pipe`, () => {
      fs.mkdirSync(join(directory, 'a'));
      fs.writeFileSync(join(directory, 'a/module.cjs'), 'module.exports = __filename');
      fs.symlinkSync('a', join(directory, 'link'));
      fs.copyFileSync(join(directory, 'a/module.cjs'), join(directory, 'module.cjs'));
      const pipe = join(directory, 'pipe');
      expect(spawnSync('mkfifo', [pipe]).status).to.equal(0);
      const script = `
        import {openSync} from 'node:fs';
        import {createRequire} from 'node:module';
        import {fstatNow, lstatNow, statNow} from ${JSON.stringify(MODULE)};
        const pipe = ${JSON.stringify(pipe)};
        const require = createRequire(pipe);
        require('./module.cjs'); // Node remembers the directories on the way to it
        const fd = openSync(pipe, 'r+');
        ${call};
        console.log(require('./link/module.cjs'));`;
      const {stdout} = spawnSync(process.execPath, ['--input-type=module', '-e', script], {encoding: 'utf8'});
      expect(stdout).to.equal(`${fs.realpathSync(directory)}/a/module.cjs\n`);
    });
  }

  it('is what all of src uses', () => {
    const others = fs
      .readdirSync(SRC, {recursive: true, encoding: 'utf8'})
      .filter((name) => name.endsWith('.ts') && name !== 'files/stat.ts')
      .filter((name) => /\b[lf]?statSync\b/.test(fs.readFileSync(join(SRC, name), 'utf8')));
    expect(others).to.deep.equal([]);
  });
});

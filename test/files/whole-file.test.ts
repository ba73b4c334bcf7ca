import {spawnSync} from 'node:child_process';
import fs from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {writeWholeFile} from '../../src/files/whole-file.js';
import {refusalOf} from '../support/process/errors-thrown.js';

const MODULE = new URL('../../src/files/whole-file.js', import.meta.url).href;
const KEY = new Uint8Array(40).map((_, i) => i);

function writeKeyFile(path: string, key: Uint8Array, {force = false} = {}): Promise<void> {
  return writeWholeFile(path, [key], {force, isSecret: true});
}

describe('whole file, of keys', () => {
  let directory: string;
  let path: string;
  beforeEach(() => {
    directory = fs.mkdtempSync(join(tmpdir(), 'dek-destination-'));
    path = join(directory, 'key');
  });
  afterEach(() => fs.rmSync(directory, {recursive: true}));

  it('creates a file of mode 0600, whatever the umask, and leaves nothing else', async () => {
    const umask = process.umask(0);
    await writeKeyFile(path, KEY).finally(() => process.umask(umask));
    expect(fs.readFileSync(path)).to.deep.equal(Buffer.from(KEY));
    expect(fs.statSync(path).mode & 0o777).to.equal(0o600);
    expect(fs.readdirSync(directory)).to.deep.equal(['key']);
  });

  it('never replaces a file silently', async () => {
    fs.writeFileSync(path, 'mine');
    expect(await refusalOf(writeKeyFile(path, KEY))).to.equal(`EXISTS ${path} exists`);
    expect(fs.readFileSync(path, 'utf8')).to.equal('mine');
    expect(fs.readdirSync(directory)).to.deep.equal(['key']);
  });

  it('replaces it when forced, and with mode 0600', async () => {
    fs.writeFileSync(path, 'mine', {mode: 0o644});
    await writeKeyFile(path, KEY, {force: true});
    expect(fs.readFileSync(path)).to.deep.equal(Buffer.from(KEY));
    expect(fs.statSync(path).mode & 0o777).to.equal(0o600);
    expect(fs.readdirSync(directory)).to.deep.equal(['key']);
  });

  it('lets one of many writers win, whole', async () => {
    const writers = Array.from({length: 8}, (_, i) => refusalOf(writeKeyFile(path, new Uint8Array(40).fill(i))));
    const outcomes = await Promise.all(writers);
    const winner = outcomes.indexOf('no error');
    expect(outcomes.filter((outcome) => outcome !== `EXISTS ${path} exists`)).to.deep.equal(['no error']);
    expect(fs.readFileSync(path)).to.deep.equal(Buffer.alloc(40, winner));
    expect(fs.readdirSync(directory)).to.deep.equal(['key']);
  });

  it('does not replace what is no regular file, forced or not', async () => {
    fs.mkdirSync(path);
    expect(await refusalOf(writeKeyFile(path, KEY, {force: true}))).to.match(/^BAD_ARGUMENT .* is not a regular file/);
    expect(await refusalOf(writeKeyFile('/dev/null', KEY, {force: true}))).to.match(/^BAD_ARGUMENT /);
    expect(await refusalOf(writeKeyFile('/dev/null', KEY))).to.match(/^EXISTS /);
    fs.symlinkSync('/nonexistent', join(directory, 'link'));
    expect(await refusalOf(writeKeyFile(join(directory, 'link'), KEY, {force: true}))).to.match(/^BAD_ARGUMENT /);
    expect(await refusalOf(writeKeyFile(join(directory, 'link'), KEY))).to.match(/^EXISTS /);
  });

  it('names the file that was asked for when its name is too long, and takes one that just fits', async () => {
    for (const force of [false, true]) {
      const long = join(directory, 'n'.repeat(256));
      expect(await refusalOf(writeKeyFile(long, KEY, {force}))).to.equal(`IO cannot write ${long}: name too long`);
      expect(fs.readdirSync(directory)).to.deep.equal([]);
    }
    await writeKeyFile(join(directory, 'n'.repeat(255)), KEY);
    await writeKeyFile(join(directory, 'n'.repeat(255)), KEY, {force: true});
    expect(fs.readdirSync(directory)).to.deep.equal(['n'.repeat(255)]);
  });

  describe('at the moment of', () => {
    /** Writes `path` in a process of its own, where `before` stands in front of the call of `what`. */
    function writeWith(what: string, before: string, force: boolean): {signal: string | null; stdout: string} {
      const script = `
        import fs from 'node:fs';
        const object = ${what.includes('promises') ? 'fs.promises' : 'fs'};
        const name = ${JSON.stringify(what.split('.').at(-1))};
        const original = object[name];
        object[name] = (...args) => { ${before}; return original(...args); };
        const {writeWholeFile} = await import(${JSON.stringify(MODULE)});
        const chunks = [new Uint8Array(${JSON.stringify([...KEY])})];
        await writeWholeFile(${JSON.stringify(path)}, chunks, {force: ${force}, isSecret: true}).then(
          () => console.log('written'),
          ({code, message, hint}) => console.log(code, message, hint),
        );`;
      const {signal, stdout} = spawnSync(process.execPath, ['--input-type=module', '-e', script], {encoding: 'utf8'});
      return {signal, stdout};
    }

    for (const [what, force] of [
      ['writeFileSync', false],
      ['fsync', false],
      ['close', true],
      ['promises.rename', true],
    ] as const) {
      it(`${what}, Ctrl-C waits until the file is whole${force ? ' and the old one gone' : ''}`, () => {
        if (force) fs.writeFileSync(path, 'mine');
        expect(writeWith(what, `process.kill(process.pid, 'SIGINT')`, force).signal).to.equal('SIGINT');
        expect(fs.readFileSync(path)).to.deep.equal(Buffer.from(KEY));
        expect(fs.readdirSync(directory)).to.deep.equal(['key']);
      });
    }

    it('fsync, SIGKILL leaves nothing but the file that was asked for', () => {
      expect(writeWith('fsync', `process.kill(process.pid, 'SIGKILL')`, false).signal).to.equal('SIGKILL');
      expect(fs.readdirSync(directory)).to.deep.equal(['key']);
      expect(fs.statSync(path).nlink).to.equal(1);
    });

    for (const [what, force] of [
      ['fsync', false],
      ['fsync', true],
      ['promises.rename', true],
    ] as const) {
      it(`${what}, a failure leaves ${force ? 'the old file' : 'nothing'}`, () => {
        if (force) fs.writeFileSync(path, 'mine');
        const failure = `throw Object.assign(new Error('x'), {code: 'EIO'})`;
        expect(writeWith(what, failure, force).stdout).to.equal(`IO cannot write ${path}: i/o error undefined\n`);
        expect(fs.readdirSync(directory)).to.deep.equal(force ? ['key'] : []);
        if (force) expect(fs.readFileSync(path, 'utf8')).to.equal('mine');
      });
    }

    it('a failure whose rest cannot be removed, that is said', () => {
      const unlink = "() => Promise.reject(Object.assign(new Error('y'), {code: 'EROFS'}))";
      const failure = `fs.promises.unlink = ${unlink}; throw new Error('x')`;
      expect(writeWith('fsync', failure, false).stdout).to.equal(
        `PERMISSION cannot remove the unfinished ${path}: read-only file system ` +
          'it may hold a key: remove it yourself\n',
      );
    });
  });

  it('says so when the directory is not there', async () => {
    expect(await refusalOf(writeKeyFile('/nonexistent/key', KEY))).to.equal(
      'IO cannot write /nonexistent/key: no such file or directory',
    );
  });
});

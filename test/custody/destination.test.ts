import fs from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {writeDescriptor, writeKeyFile} from '../../src/custody/destination.js';
import {DekError} from '../../src/errors.js';

const KEY = new Uint8Array(40).map((_, i) => i);

async function refusal(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof DekError) return `${error.code} ${error.message}`;
    throw error;
  }
  return 'no error';
}

describe('destination', () => {
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
    expect(await refusal(writeKeyFile(path, KEY))).to.equal(`EXISTS ${path} exists`);
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
    const writers = Array.from({length: 20}, (_, i) => refusal(writeKeyFile(path, new Uint8Array(40).fill(i))));
    const outcomes = await Promise.all(writers);
    const winner = outcomes.indexOf('no error');
    expect(outcomes.filter((outcome) => outcome !== `EXISTS ${path} exists`)).to.deep.equal(['no error']);
    expect(fs.readFileSync(path)).to.deep.equal(Buffer.alloc(40, winner));
    expect(fs.readdirSync(directory)).to.deep.equal(['key']);
  });

  it('does not replace what is no regular file, forced or not', async () => {
    fs.mkdirSync(path);
    expect(await refusal(writeKeyFile(path, KEY, {force: true}))).to.match(/^BAD_ARGUMENT .* is not a regular file/);
    expect(await refusal(writeKeyFile('/dev/null', KEY, {force: true}))).to.match(/^BAD_ARGUMENT /);
    expect(await refusal(writeKeyFile('/dev/null', KEY))).to.match(/^EXISTS /);
    fs.symlinkSync('/nonexistent', join(directory, 'link'));
    expect(await refusal(writeKeyFile(join(directory, 'link'), KEY, {force: true}))).to.match(/^BAD_ARGUMENT /);
    expect(await refusal(writeKeyFile(join(directory, 'link'), KEY))).to.match(/^EXISTS /);
  });

  it('says so when the directory is not there', async () => {
    expect(await refusal(writeKeyFile('/nonexistent/key', KEY))).to.equal('IO cannot write /nonexistent/key: ENOENT');
  });

  it('says so when the disk is full', async () => {
    const fd = fs.openSync('/dev/full', 'w');
    expect(await refusal(writeDescriptor(fd, KEY, 'standard output'))).to.equal(
      'IO cannot write standard output: ENOSPC',
    );
    fs.closeSync(fd);
  });
});

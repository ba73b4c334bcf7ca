import fs from 'node:fs';
import {join, relative} from 'node:path';
import {expect} from 'chai';
import {systemCode} from '../../src/errors.js';
import {makeDirectories, removeDirectories} from '../../src/files/directories.js';
import {temporaryDirectory} from '../support/temporary-directory.js';

describe('directories', () => {
  let directory: string;
  beforeEach(() => {
    directory = temporaryDirectory();
  });
  afterEach(() => fs.rmSync(directory, {recursive: true}));

  const codeOf = (path: string): string | undefined => {
    try {
      makeDirectories(path, 0o700);
    } catch (error) {
      return systemCode(error);
    }
    return 'no error';
  };

  it('makes what is missing, and says what that was', () => {
    const [a, b, c] = ['a', 'a/b', 'a/b/c'].map((name) => join(directory, name));
    expect(makeDirectories(a!, 0o700)).to.deep.equal([a]);
    expect(makeDirectories(c!, 0o750)).to.deep.equal([b, c]);
    expect([a, b, c].map((path) => fs.statSync(path!).mode & 0o777)).to.deep.equal([0o700, 0o750, 0o750]);
    expect(makeDirectories(c!, 0o700)).to.deep.equal([]);
    expect(fs.statSync(c!).mode & 0o777).to.equal(0o750);
  });

  it('takes a relative path, and the root', () => {
    const path = join(directory, 'a');
    expect(makeDirectories(relative(process.cwd(), path), 0o700)).to.deep.equal([path]);
    expect(makeDirectories('/', 0o700)).to.deep.equal([]);
  });

  it('takes a symbolic link to a directory for one', () => {
    fs.mkdirSync(join(directory, 'real'));
    fs.symlinkSync('real', join(directory, 'link'));
    makeDirectories(join(directory, 'link', 'a'), 0o700);
    expect(fs.readdirSync(join(directory, 'real'))).to.deep.equal(['a']);
  });

  it('gives up where the kernel makes none', () => {
    expect(codeOf('/proc/x/y')).to.equal('ENOENT');
    expect(codeOf('/proc/self/x')).to.equal('ENOENT');
  });

  it('gives up at a file in the way', () => {
    fs.writeFileSync(join(directory, 'file'), '');
    expect(codeOf(join(directory, 'file'))).to.equal('EEXIST');
    expect(codeOf(join(directory, 'file', 'a'))).to.equal('EEXIST');
  });

  it('gives up at a symbolic link that leads nowhere', () => {
    fs.symlinkSync('nowhere', join(directory, 'link'));
    expect(codeOf(join(directory, 'link'))).to.equal('EEXIST');
    expect(codeOf(join(directory, 'link', 'a'))).to.equal('EEXIST');
    expect(fs.readdirSync(directory)).to.deep.equal(['link']);
  });

  it('leaves nothing when it gives up', () => {
    expect(codeOf(join(directory, 'a', 'b', 'x'.repeat(256), 'c'))).to.equal('ENAMETOOLONG');
    expect(fs.readdirSync(directory)).to.deep.equal([]);
  });

  it('takes back what it made, but nothing that is in use', () => {
    const made = makeDirectories(join(directory, 'a', 'b', 'c'), 0o700);
    fs.writeFileSync(join(directory, 'a', 'file'), '');
    removeDirectories(made);
    expect(fs.readdirSync(join(directory, 'a'))).to.deep.equal(['file']);
  });
});

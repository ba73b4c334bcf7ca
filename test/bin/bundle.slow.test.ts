/** The bundle and V8's compile cache of it, on a copy of the package. */
import {spawnSync} from 'node:child_process';
import fs from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

describe('bundle', () => {
  let copy: string;
  let cache: string;

  beforeEach(() => {
    copy = fs.mkdtempSync(join(tmpdir(), 'dek-bundle-'));
    cache = join(copy, 'dist/bundle/dek.cjs.cache');
    for (const part of ['bin', 'dist/bundle', 'dist/help', 'package.json']) {
      fs.cpSync(join(ROOT, part), join(copy, part), {recursive: true});
    }
  });

  afterEach(() => fs.rmSync(copy, {recursive: true}));

  function run(...words: string[]): {status: number | null; stdout: string; stderr: string} {
    const {status, stdout, stderr} = spawnSync(process.execPath, words, {cwd: copy, encoding: 'utf8'});
    return {status, stdout, stderr};
  }

  function expectToRun(): void {
    expect(run('bin/dek.cjs', 'list', '--socket', '/nonexistent')).to.deep.include({
      status: 3,
      stdout: '',
      stderr:
        'error: no agent listens on /nonexistent\n' +
        'hint: start one with: dek agent & or, for the life of one command: dek run -- CMD\n',
    });
  }

  /** Whether V8 took the cache. */
  function isCacheUsed(): boolean {
    const script = "console.log(require('./bin/bundle.cjs').load().script.cachedDataRejected === false)";
    return run('-e', script).stdout === 'true\n';
  }

  it('is run from the cache that the build makes', () => {
    expect(isCacheUsed()).to.equal(true);
    expectToRun();
  });

  it('runs without a cache', () => {
    fs.rmSync(cache);
    expect(isCacheUsed()).to.equal(false);
    expectToRun();
  });

  for (const at of [0, 4, 20, 5000, 100_000, 300_000]) {
    it(`runs when bit 0 of byte ${at} of the cache is wrong`, () => {
      const bytes = fs.readFileSync(cache);
      bytes[at]! ^= 1;
      fs.writeFileSync(cache, bytes);
      expect(isCacheUsed()).to.equal(false);
      expectToRun();
    });
  }

  for (const bytes of [0, 1, 4, 5, 200_000]) {
    it(`runs when only ${bytes} bytes of the cache are there`, () => {
      fs.truncateSync(cache, bytes);
      expect(isCacheUsed()).to.equal(false);
      expectToRun();
    });
  }

  it('does not take the cache of another bundle', () => {
    fs.appendFileSync(join(copy, 'dist/bundle/dek.cjs'), '// another\n');
    expect(isCacheUsed()).to.equal(false);
    expectToRun();
  });

  it('gets its cache after the installation', () => {
    fs.rmSync(cache);
    expect(run('bin/compile-cache.cjs')).to.deep.equal({status: 0, stdout: '', stderr: ''});
    expect(isCacheUsed()).to.equal(true);
    expect(fs.readdirSync(join(copy, 'dist/bundle'))).to.not.include('dek.cjs.cache.new');
  });

  // Two builds of a package in two folders are to be equal.
  it('gets a cache with the path where a package has it, and none of the build', () => {
    const installed = '/usr/lib/dek/dist/bundle/dek.cjs';
    fs.rmSync(cache);
    expect(run('bin/compile-cache.cjs', installed)).to.deep.equal({status: 0, stdout: '', stderr: ''});
    const made = fs.readFileSync(cache, 'latin1');
    expect(made).to.include(installed);
    expect(made).to.not.include(copy);
    expect(isCacheUsed()).to.equal(true);
  });

  it('lets an installation go on without a cache where there is nothing to make one of', () => {
    fs.rmSync(join(copy, 'dist/bundle'), {recursive: true});
    expect(run('bin/compile-cache.cjs')).to.deep.equal({status: 0, stdout: '', stderr: ''});
  });

  it('names sources in the stack that DEK_DEBUG=1 prints', () => {
    const env = {...process.env, DEK_DEBUG: '1'};
    const dek = join(ROOT, 'bin/dek.cjs');
    const {stderr} = spawnSync(process.execPath, [dek, 'list', '--socket', '/x'], {env, encoding: 'utf8'});
    expect(stderr).to.include(`(${join(ROOT, 'src/agent/client.ts')}:`);
    expect(stderr).to.not.include('bundle/dek.cjs');
  });

  it('says in one line that a command cannot be loaded', () => {
    // There is no Koffi beside the copy.
    expect(run('bin/dek.cjs', 'run', '--', 'true')).to.deep.equal({
      status: 3,
      stdout: '',
      stderr:
        `error: koffi has no native module for ${process.platform} ${process.arch}\n` +
        'hint: install again without omitting optional dependencies (npm install --include=optional)\n',
    });
  });

  it('prints the places in the bundle where its source map is missing', () => {
    fs.rmSync(join(copy, 'dist/bundle/dek.cjs.map'));
    fs.rmSync(cache); // it names the files of the place where it was made
    const env = {...process.env, DEK_DEBUG: '1'};
    const options = {cwd: copy, env, encoding: 'utf8'} as const;
    const {stderr} = spawnSync(process.execPath, ['bin/dek.cjs', 'list', '--socket', '/x'], options);
    expect(stderr).to.match(/\n {4}at .*\/dist\/bundle\/dek\.cjs:\d+:\d+\)?\n/);
  });
});

import {spawnSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {temporaryDirectory} from '../support/temporary-directory.js';

const RUNNER = fileURLToPath(new URL('../../scripts/test.js', import.meta.url));
const SKIP = new URL('../support/skip.js', import.meta.url).href;

describe('the runner of tests', () => {
  let directory: string;

  beforeEach(() => {
    directory = temporaryDirectory();
  });
  afterEach(() => fs.rmSync(directory, {recursive: true}));

  /** Runs files of tests, each with this text; its output as lines. */
  function runTests(texts: Record<string, string>, args: string[] = []): {status: number | null; lines: string[]} {
    const files = Object.entries(texts).map(([name, text]) => {
      const path = join(directory, `${name}.test.js`);
      fs.writeFileSync(path, text);
      return path;
    });
    const {status, stdout} = spawnSync(process.execPath, [RUNNER, ...args, ...files], {encoding: 'utf8'});
    return {status, lines: stdout.trimEnd().split('\n')};
  }

  it('counts what passed in several files', () => {
    const {status, lines} = runTests({a: `it('one', () => {}); it('two', () => {})`, b: `it('three', () => {})`});
    expect([status, lines.at(-1)]).to.deep.equal([0, '3 passed, 0 failed']);
  });

  it('shows the output of a file that failed, and its status is 1', () => {
    const {status, lines} = runTests({a: `it('fails', () => { throw new Error('so it is'); }); it('holds', () => {})`});
    expect([status, lines.at(-1)]).to.deep.equal([1, '1 passed, 1 failed']);
    expect(lines.join('\n'))
      .to.match(/Error: so it is/)
      .and.match(/^failed: .*a\.test\.ts: fails$/m);
  });

  it('fails for a test that does not come back', () => {
    const sleeps = `it('sleeps', () => { Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0); })`;
    const {status, lines} = runTests({a: sleeps}, ['--limit', '10']);
    expect(lines.join('\n')).to.match(/did not end within 10 s, in: sleeps$/m);
    expect([status, lines.at(-1)]).to.deep.equal([1, '0 passed, 1 failed']);
  });

  const faults: [what: string, test: string, said: RegExp][] = [
    ['a process that dies', `it('dies', () => process.kill(process.pid, 'SIGSEGV'))`, /ended \(SIGSEGV\) in: dies$/m],
    ['a file that cannot be loaded', `throw new Error('at load')`, /ended \(1\) in: its start$/m],
    ['a file without tests', '', /has no tests$/m],
    ['a test that is left out', `it.skip('out', () => {})`, /without a reason of test\/support\/skip.ts: out$/m],
    ['a skip that gives no reason', `it('o', function () { this.skip(); })`, /without a reason of .*: o$/m],
    ['an `only`', `it.only('alone', () => {})`, /ended \(\w+\) in/m],
  ];
  for (const [what, test, said] of faults) {
    it(`fails for ${what}`, () => {
      const {status, lines} = runTests({a: test, b: `it('holds', () => {})`});
      expect(lines.join('\n')).to.match(said);
      expect([status, lines.at(-1)?.replace(/, 1 skipped/, '')]).to.deep.equal([1, '1 passed, 1 failed']);
    });
  }

  it('ends when a test that failed left a server and a process', () => {
    const path = join(directory, 'pid');
    const {status} = runTests({
      a: `import {createServer} from 'node:net'; import {spawn} from 'node:child_process'; import fs from 'node:fs';
        it('fails', () => {
          createServer().listen('${join(directory, 'socket')}');
          fs.writeFileSync('${path}', String(spawn('sleep', ['600']).pid));
          throw new Error('no');
        });`,
    });
    expect(status).to.equal(1);
    expect(fs.existsSync(`/proc/${fs.readFileSync(path, 'utf8')}/exe`)).to.equal(false);
  });

  it('names the reason of a skip, for a test and for a suite', () => {
    const {status, lines} = runTests({
      a: `import {skipWithout} from '${SKIP}';
        process.getuid = () => 5;
        it('one', function () { skipWithout('root', this); });
        it('holds', () => {});
        describe('suite', () => {
          before(function () { skipWithout('root', this); });
          it('two', () => {});
          describe('inner', () => { it('three', () => {}); });
        });`,
    });
    expect(lines.join('\n')).to.match(/^skipped: 3 tests: root is needed/m);
    expect([status, lines.at(-1)]).to.deep.equal([0, '1 passed, 0 failed, 3 skipped']);
  });

  it('is the only way to skip: no test does it without skipWithout', () => {
    const folder = fileURLToPath(new URL('../../../test/', import.meta.url));
    const own = ['scripts/test.slow.test.ts', 'support/nic/release.ts', 'support/skip.ts'];
    const files = fs.readdirSync(folder, {recursive: true, encoding: 'utf8'}).filter((file) => /\.ts$/.test(file));
    const skips = /\b(?:this|it|describe|context)\.skip\(|\bx(?:it|describe)\(/;
    const found = files.filter((file) => skips.test(fs.readFileSync(join(folder, file), 'utf8')));
    expect(found.sort()).to.deep.equal(own);
  });

  it('takes the path of a source, and refuses one from which nothing was built', () => {
    const run = (file: string) => spawnSync(process.execPath, [RUNNER, file], {encoding: 'utf8'});
    expect(run('test/bytes.test.ts')).to.include({status: 0});
    expect(run('test/none.test.ts')).to.include({
      status: 2,
      stderr: 'error: no test was built from test/none.test.ts\n',
    });
  });
});

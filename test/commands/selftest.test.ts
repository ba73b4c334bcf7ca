import {execFileSync} from 'node:child_process';
import fs from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {secretKeeping} from '../../src/memory/arena.js';
import {readVectors} from '../support/keys/vectors.js';
import {DEK, run, runDek} from '../support/process/run-dek.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

describe('selftest', () => {
  const ids = (['rfc3394', 'dek', 'credential', 'kcv', 'dcv', 'nvidia'] as const)
    .map(readVectors)
    .flatMap(({vectors, refused}) => [...vectors, ...refused].map(({id}) => id));

  it('prints a line for each known answer and a summary', async () => {
    const {status, stdout, stderr} = await runDek(['selftest']);
    const engines = ['engine libcrypto: right, in use', 'engine node:crypto: right', 'engine @noble/ciphers: right'];
    const memory = /^memory: secrets are locked.*$/m.exec(stdout.toString())?.[0] ?? 'a line about memory';
    const expected = [
      ...ids.map((id) => `ok     ${id}`),
      ...engines,
      memory,
      `all ${ids.length} known answers are right`,
      '',
    ];
    expect([status, stderr]).to.deep.equal([0, '']);
    expect(stdout.toString().split('\n')).to.deep.equal(expected);
  });

  it('prints one object with --json', async () => {
    const {stdout} = await runDek(['selftest', '--json']);
    const vectors = ids.map((id) => ({id, ok: true}));
    const engines = ['libcrypto', 'node:crypto', '@noble/ciphers'].map((name) => ({name, state: 'right'}));
    const limit = 1024 * Number(execFileSync('sh', ['-c', 'ulimit -l'])); // NaN: unlimited
    const memory = {secrets: secretKeeping(), limit: Number.isNaN(limit) ? null : limit};
    const expected = {ok: true, total: ids.length, failed: 0, engine: 'libcrypto', engines, memory, vectors};
    expect(JSON.parse(stdout.toString())).to.deep.equal(expected);
  });

  it('takes well under a second of processor time', async () => {
    const {stdout} = await run('sh', ['-c', '"$0" "$1" selftest > /dev/null; times', process.execPath, DEK], {});
    // The second line is of the children: user and system, each as 0m0.210000s.
    const times = stdout
      .toString()
      .split('\n')[1]!
      .matchAll(/(\d+)m([\d.]+)s/g);
    const seconds = [...times].reduce((sum, [, minutes, rest]) => sum + 60 * Number(minutes) + Number(rest), 0);
    expect(seconds).to.be.within(0.05, 2);
  });

  describe('on a copy of the program with other vectors', () => {
    let copy: string;
    const selftest = (...args: string[]) => run(process.execPath, [join(copy, 'bin/dek.cjs'), 'selftest', ...args], {});

    beforeEach(() => {
      copy = fs.mkdtempSync(join(tmpdir(), 'dek-selftest-'));
      for (const part of ['package.json', 'bin', 'dist/bundle', 'vectors']) {
        fs.cpSync(join(ROOT, part), join(copy, part), {recursive: true, dereference: true});
      }
      fs.symlinkSync(fs.realpathSync(join(ROOT, 'node_modules')), join(copy, 'node_modules'));
    });
    afterEach(() => fs.rmSync(copy, {recursive: true}));

    it('exits with 6 and names the one that is wrong', async () => {
      const path = join(copy, 'vectors/kcv.json');
      fs.writeFileSync(path, fs.readFileSync(path, 'utf8').replace('763cbcde81', '763cbcde82'));
      const {status, stdout} = await selftest();
      expect(status).to.equal(6);
      expect(stdout.toString().match(/^FAILED .*$/gm)).to.deep.equal(['FAILED kcv-zero128']);
      expect(stdout.toString()).to.match(new RegExp(`\n1 of ${ids.length} known answers are WRONG\n$`));
      const asJson = await selftest('--json');
      expect(asJson.status).to.equal(6);
      expect(JSON.parse(asJson.stdout.toString())).to.include({ok: false, failed: 1, total: ids.length});
    });

    it('says that engines are missing, not that answers are wrong', async () => {
      const modules = join(copy, 'node_modules');
      const real = fs.realpathSync(modules);
      fs.rmSync(modules);
      const without = (...missing: string[]): void => {
        fs.rmSync(modules, {recursive: true, force: true});
        fs.mkdirSync(modules);
        for (const name of fs.readdirSync(real)) {
          if (!missing.includes(name)) fs.symlinkSync(join(real, name), join(modules, name));
        }
      };
      without('koffi', '@koromix');
      const one = await selftest();
      expect(one.stdout.toString())
        .to.match(/^engine libcrypto: missing$/m)
        .and.match(/known answers are right\n$/);
      expect(one.status).to.equal(0);
      without('koffi', '@koromix', '@noble');
      const both = await selftest();
      expect(both.status).to.equal(3);
      expect(both.stderr).to.match(
        /^error: no AES engine can be used: neither libcrypto, by Koffi, nor @noble\/ciphers\n/,
      );
    });

    it('says so when the vectors are missing', async () => {
      fs.rmSync(join(copy, 'vectors/dek.json'));
      const {status, stdout, stderr} = await selftest();
      expect([status, stdout.length]).to.deep.equal([1, 0]);
      expect(stderr).to.match(/^error: the known answers in .*dek\.json cannot be read\nhint: install dek again\n$/);
    });

    it('says so when a file of vectors is broken', async () => {
      fs.writeFileSync(join(copy, 'vectors/dek.json'), '{');
      expect((await selftest()).status).to.equal(1);
      fs.writeFileSync(join(copy, 'vectors/dek.json'), '{}');
      expect((await selftest()).status).to.equal(1);
    });
  });
});

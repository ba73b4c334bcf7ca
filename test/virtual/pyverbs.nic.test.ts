import {execFileSync, spawnSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {outcomes, PYTHON, Suite} from '../peers/rdma-core.js';
import {findings, REVIEWED} from '../peers/rdma-core-skips.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {has, RELEASE, skipping} from '../support/nic/release.js';
import {temporaryDirectory} from '../support/temporary-directory.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** The tests of multi-block engines skip themselves where libmlx5 knows of none. */
const MULTI_BLOCK = has('multi-block AES-XTS') ? 'ok' : 'skipped';

/** Built for another release of the libraries, as the loader tells. */
const {stderr} = spawnSync(PYTHON, ['-c', 'import pyverbs.providers.mlx5.mlx5dv, pyverbs.providers.efa.efadv'], {
  encoding: 'utf8',
});
const isOfAnotherRelease = /(version `?\S+ not found|undefined symbol: \w+)/.test(stderr);
const describeSuite = isOfAnotherRelease
  ? skipping('pyverbs of the same release as libibverbs is needed').describe
  : describe;

describeSuite("rdma-core's own tests on the virtual ConnectX", () => {
  let device: TestDevice;
  let directory: string;
  let suite: Suite;

  before(async () => {
    directory = temporaryDirectory();
    suite = new Suite(directory);
    // The tests log in with credential 0 under KEK 0.
    device = await testDevice({kekId: 0, credentialId: 0});
  });
  after(() => {
    device.remove();
    fs.rmSync(directory, {recursive: true, force: true});
  });

  /** Runs tests by name with a file of keys that `dek` made. */
  const run = (name: string, swapped = false, more: readonly string[] = []): string =>
    suite.run(device, [name, ...more], swapped);

  it('test_mlx5_dek_management passes with credential and keys that dek made', () => {
    const output = run('tests.test_mlx5_crypto.Mlx5CryptoAPITest.test_mlx5_dek_management');
    expect(output).to.match(/test_mlx5_dek_management .* ok\n/);
    expect(output).to.match(/\nRan 1 test in .*\n\nOK\n/);
    expect(device.nic.show().live).to.include({contexts: 0, pds: 0, logins: 0, deks: 0});
    expect(device.nic.show().total).to.include({logins: 1, deks: 1});
  });

  it('test_mlx5_dek_management fails with a key of another KEK', async () => {
    const other = await testDevice({kekId: 1, credentialId: 1});
    try {
      device.nic.set({revokeKeks: [0], revokeCredentials: [0]});
      device.nic.set({keks: [{id: 0, secret: other.kek}], credentials: [{id: 0, secret: other.credential}]});
      const output = run('tests.test_mlx5_crypto.Mlx5CryptoAPITest.test_mlx5_dek_management');
      expect(output).to.match(/Invalid argument/);
      expect(output).to.match(/FAILED/);
    } finally {
      device.nic.set({revokeKeks: [0], revokeCredentials: [0]});
      device.nic.set({
        keks: [{id: 0, secret: device.kek}],
        credentials: [{id: 0, secret: device.credential}],
      });
      other.remove();
    }
  });

  /** How each test of a run ended, by its name: ok, skipped, FAIL, ERROR. */
  function endings(output: string): Record<string, string> {
    return Object.fromEntries(Array.from(outcomes(output), ([name, {ended}]) => [name.replace(/.*\./, ''), ended]));
  }

  const WRAPPED = {
    test_mlx5_dek_management: 'ok',
    test_mlx5_crypto_mkey_old_api: 'ok',
    test_mlx5_crypto_plaintext_dek: 'skipped',
    test_mlx5_crypto_signature_mkey: 'ok',
    test_mlx5_crypto_wrapped_dek: 'ok',
    test_mlx5_plaintext_dek_multi_block: 'skipped',
    test_mlx5_wrapped_dek_multi_block: MULTI_BLOCK,
  };
  const PLAINTEXT = {
    ...Object.fromEntries(Object.keys(WRAPPED).map((name) => [name, 'skipped'])),
    test_mlx5_crypto_plaintext_dek: 'ok',
    test_mlx5_plaintext_dek_multi_block: MULTI_BLOCK,
  };
  /** Those that compare data; the others do not notice a wrong key. */
  const comparing = (outcomesOf: Record<string, string>): Record<string, string> =>
    Object.fromEntries(
      Object.entries(outcomesOf).map(([name, outcome]) => [
        name,
        outcome === 'ok' && !/management|signature/.test(name) ? 'FAIL' : outcome,
      ]),
    );

  for (const [importMode, expected] of [
    ['wrapped', WRAPPED],
    ['plaintext', PLAINTEXT],
  ] as const) {
    describe(`of crypto, ${importMode}`, () => {
      before(() => device.nic.set({importMode}));
      after(() => device.nic.set({importMode: 'wrapped'}));

      it('all pass, with what they encrypt and decrypt compared', () => {
        const before = device.nic.show().total;
        expect(endings(run('tests.test_mlx5_crypto'))).to.deep.equal(expected);
        expect(device.nic.show().live.contexts).to.equal(0);
        expect(device.nic.show().total.bytesEncrypted).to.be.above(before.bytesEncrypted);
        expect(device.nic.show().total.bytesDecrypted).to.be.above(before.bytesDecrypted);
      });
      it('those that compare data fail with the halves of the key swapped', () => {
        expect(endings(run('tests.test_mlx5_crypto', true))).to.deep.equal(comparing(expected));
      });
      it('pass with AES by tables as well', async () => {
        const shim = join(directory, 'tables.so');
        if (!fs.existsSync(shim)) {
          const source = join(ROOT, 'src/virtual/shim/uverbs.c');
          execFileSync('cc', ['-O2', '-DAES_BY_TABLES', '-shared', '-fPIC', '-o', shim, source]);
        }
        const instructions = join(directory, 'instructions.so');
        const installed = join(device.directory, 'uverbs.so');
        fs.copyFileSync(installed, instructions);
        fs.rmSync(installed);
        fs.copyFileSync(shim, installed);
        try {
          expect(endings(run('tests.test_mlx5_crypto'))).to.deep.equal(expected);
        } finally {
          fs.rmSync(installed);
          fs.copyFileSync(instructions, installed);
        }
      });
    });
  }

  const reviewedRelease =
    Number.parseInt(RELEASE, 10) === REVIEWED
      ? {it}
      : skipping(`pyverbs of rdma-core ${REVIEWED} is needed, whose tests were reviewed`);
  reviewedRelease.it(
    'of these modules none fails, and nothing is skipped that is not listed (test:peers runs all)',
    () => {
      const modules = ['addr', 'cq', 'cq_events', 'mr', 'qpex', 'mlx5_cq', 'mlx5_mkey'].map(
        (name) => `tests.test_${name}`,
      );
      const ended = outcomes(run(modules[0]!, false, modules.slice(1)));
      expect(ended.size).to.equal(76);
      expect(findings('wrapped', ended)).to.deep.equal([]);
      expect(device.nic.show().live.contexts).to.equal(0);
    },
  );
});

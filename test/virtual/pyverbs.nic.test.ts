import {execFileSync, spawnSync} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import fs from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {gunzipSync} from 'node:zlib';
import {expect} from 'chai';
import {wrapDek} from '../../src/wrap/index.js';
import {type TestDevice, testDevice} from '../support/device.js';
import {has, RELEASE, skipping} from '../support/release.js';
import {temporaryDirectory} from '../support/temporary-directory.js';
import {xts} from '../support/xts.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** Where Debian has rdma-core's own tests, and where the set-up puts them on systems without /usr/share/doc. */
const PLACES = ['/usr/share/doc/rdma-core/tests', join(ROOT, '.cache', 'rdma-core-tests')];
/** Debian's python3, for which python3-pyverbs is built. */
const PYTHON = '/usr/bin/python3';

/** The tests of multi-block engines skip themselves where libmlx5 knows of none. */
const MULTI_BLOCK = has('multi-block AES-XTS') ? 'ok' : 'skipped';

/** The release whose tests stand in pyverbs.json. */
const REVIEWED = 44;

/** Built for another release of the libraries, as the loader tells. */
const {stderr} = spawnSync(PYTHON, ['-c', 'import pyverbs.providers.mlx5.mlx5dv, pyverbs.providers.efa.efadv'], {
  encoding: 'utf8',
});
const isOfAnotherRelease = /(version `?\S+ not found|undefined symbol: \w+)/.test(stderr);
const suite = isOfAnotherRelease ? skipping('pyverbs of the same release as libibverbs is needed').describe : describe;

suite("rdma-core's own tests on the virtual ConnectX", () => {
  let device: TestDevice;
  let directory: string;

  before(async () => {
    const place = PLACES.find((path) => fs.existsSync(path));
    if (!place) throw new Error(`rdma-core's tests are not in ${PLACES.join(' or ')}: run scripts/setup`);
    directory = temporaryDirectory();
    unpack(place, join(directory, 'tests'));
    // Later releases ask rdma(8) for the network interface of a port: the kernel knows of no virtual NIC.
    fs.mkdirSync(join(directory, 'bin'));
    fs.writeFileSync(join(directory, 'bin', 'rdma'), '#!/bin/sh\necho "[]"\n', {mode: 0o755});
    // The tests log in with credential 0 under KEK 0.
    device = await testDevice({kekId: 0, credentialId: 0});
  });
  after(() => {
    device.remove();
    fs.rmSync(directory, {recursive: true, force: true});
  });

  /** Runs tests by name with a file of keys that `dek` made. */
  function run(name: string, swapped = false, more: readonly string[] = []): string {
    const info = join(directory, 'info.json');
    fs.writeFileSync(info, infoFile(device, swapped));
    const {stdout, stderr} = device.run(PYTHON, [join(directory, 'tests/run_tests.py'), '-v', name, ...more], {
      env: {MLX5_CRYPTO_TEST_INFO: info, PATH: `${join(directory, 'bin')}:${process.env['PATH']}`},
    });
    return stdout + stderr;
  }

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
  function outcomes(output: string): Record<string, string> {
    const lines = output.matchAll(/^(test_\w+) \(.*\) \.\.\. (\w+)/gm);
    return Object.fromEntries(Array.from(lines, ([, name, outcome]) => [name!, outcome!]));
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
        expect(outcomes(run('tests.test_mlx5_crypto'))).to.deep.equal(expected);
        expect(device.nic.show().live.contexts).to.equal(0);
        expect(device.nic.show().total.bytesEncrypted).to.be.above(before.bytesEncrypted);
        expect(device.nic.show().total.bytesDecrypted).to.be.above(before.bytesDecrypted);
      });
      it('those that compare data fail with the halves of the key swapped', () => {
        expect(outcomes(run('tests.test_mlx5_crypto', true))).to.deep.equal(comparing(expected));
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
          expect(outcomes(run('tests.test_mlx5_crypto'))).to.deep.equal(expected);
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
  reviewedRelease
    .it('of the whole suite those that were reviewed pass in one run, and of the others three fail', () => {
      const reviewed = JSON.parse(fs.readFileSync(join(ROOT, 'test/virtual/pyverbs.json'), 'utf8')) as string[];
      const output = run('--dev', false, ['mlx5_0']);
      // A line of documentation may stand between the name of a test and how it ended.
      const lines = output.matchAll(/^test_\w+ \(tests\.([\w.]+)\)(?:\n.*?)? \.\.\. (\w+)/gm);
      const ended = new Map(Array.from(lines, ([, name, outcome]) => [name!, outcome!]));
      expect(reviewed.filter((name) => ended.get(name) !== 'ok')).to.deep.equal([]);
      const failed = [...ended]
        .filter(([, outcome]) => outcome === 'ERROR' || outcome === 'FAIL')
        .map(([name]) => name);
      expect(failed.sort()).to.deep.equal([
        'test_mlx5_huge_page.ResourcesOnHugePageTest.test_prefer_obj_on_huge',
        'test_mlx5_mkey.Mlx5MkeyTest.test_mkey_remote_invalidate',
        'test_mlx5_mkey.Mlx5MkeyTest.test_mkey_sig_err',
      ]);
      expect(output).to.match(/\nRan 273 tests in /);
      expect(device.nic.show().live.contexts).to.equal(0);
    })
    .timeout(180_000);
});

/** Copies the tests, some of which Debian packs. */
function unpack(from: string, to: string): void {
  fs.mkdirSync(to);
  for (const name of fs.readdirSync(from)) {
    const bytes = fs.readFileSync(join(from, name));
    if (name.endsWith('.gz')) fs.writeFileSync(join(to, name.slice(0, -3)), gunzipSync(bytes));
    else fs.writeFileSync(join(to, name), bytes);
  }
}

/**
 * What $MLX5_CRYPTO_TEST_INFO names: wrapped values and data as lists of big-endian 64-bit numbers, plaintext keys as
 * lists of native 32-bit numbers. The expected data is that of OpenSSL. `swapped`: the NIC gets key1 and key2 the other
 * way round.
 */
function infoFile({nic, kek}: TestDevice, swapped: boolean): string {
  const credential = dek(
    'credential',
    'wrap',
    `file:${nic.credentialFile}`,
    '--kek',
    `file:${nic.kekFile}`,
    '--format',
    'raw',
  );
  const keys = {key1: randomBytes(16), key2: randomBytes(16)};
  const given = swapped ? {key1: keys.key2, key2: keys.key1} : keys;
  const long = {key1: randomBytes(32), key2: randomBytes(32)};
  const encrypted = [0, 1].map((sector) => xts(keys, sector, Buffer.alloc(512, 'c')));
  const fields = {
    credential: numbers(credential),
    wrapped_key: numbers(Buffer.from(wrapDek(kek, given))),
    wrapped_256_bits_key: numbers(Buffer.from(wrapDek(kek, long))),
    plaintext_key: words(Buffer.concat([given.key1, given.key2])),
    plaintext_256_bits_key: words(Buffer.concat([long.key1, long.key2])),
    encrypted_data_for_512_c: numbers(encrypted[0]!),
    encrypted_data_for_1024_c: numbers(Buffer.concat(encrypted)),
  };
  const lines = Object.entries(fields).map(([name, values]) => `"${name}": [${values.join(', ')}]`);
  return `[{${lines.join(',\n')}}]\n`;
}

function dek(...args: string[]): Buffer {
  return execFileSync(process.execPath, [join(ROOT, 'bin/dek.cjs'), ...args], {stdio: ['ignore', 'pipe', 'ignore']});
}

function numbers(bytes: Buffer): bigint[] {
  return Array.from({length: bytes.length / 8}, (_, i) => bytes.readBigUInt64BE(8 * i));
}

function words(bytes: Buffer): number[] {
  return Array.from({length: bytes.length / 4}, (_, i) => bytes.readUInt32LE(4 * i));
}

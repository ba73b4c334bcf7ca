import {execFileSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {gunzipSync} from 'node:zlib';
import {expect} from 'chai';
import {type TestDevice, temporaryDirectory, testDevice} from './device.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** Where Debian has rdma-core's own tests, and where the set-up puts them on systems without /usr/share/doc. */
const PLACES = ['/usr/share/doc/rdma-core/tests', join(ROOT, '.cache', 'rdma-core-tests')];
/** Debian's python3, for which python3-pyverbs is built. */
const PYTHON = '/usr/bin/python3';

describe("rdma-core's own tests on the virtual ConnectX", () => {
  let device: TestDevice;
  let directory: string;

  before(async () => {
    const place = PLACES.find((path) => fs.existsSync(path));
    if (!place) throw new Error(`rdma-core's tests are not in ${PLACES.join(' or ')}: run scripts/setup`);
    directory = temporaryDirectory();
    unpack(place, join(directory, 'tests'));
    // The tests log in with credential 0 under KEK 0.
    device = await testDevice({kekId: 0, credentialId: 0});
  });
  after(() => {
    device.remove();
    fs.rmSync(directory, {recursive: true, force: true});
  });

  /** Runs tests by name with a file of keys that `dek` made. */
  function run(name: string): string {
    const info = join(directory, 'info.json');
    fs.writeFileSync(info, infoFile(device));
    const {stdout, stderr} = device.run(PYTHON, [join(directory, 'tests/run_tests.py'), '-v', name], {
      env: {MLX5_CRYPTO_TEST_INFO: info},
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

  it('the tests of crypto that need no data path pass, the others stop at their first CQ', () => {
    const output = run('tests.test_mlx5_crypto');
    expect(output).to.match(/test_mlx5_dek_management .* ok\n/);
    const errors = output.match(/^\w+(\.\w+)*Error: .*$/gm) ?? [];
    expect(errors).to.not.be.empty;
    for (const error of errors) expect(error).to.match(/Failed to create a CQ. Errno: 95/);
  });

  for (const name of ['tests.test_pd', 'tests.test_device', 'tests.test_mlx5_uar']) {
    it(`${name} passes`, () => {
      expect(run(name)).to.match(/\nRan \d+ tests? in .*\n\nOK/);
    });
  }
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

/** What $MLX5_CRYPTO_TEST_INFO names: wrapped values as lists of big-endian 64-bit numbers. */
function infoFile({nic}: TestDevice): string {
  const kek = `file:${nic.kekFile}`;
  const credential = dek('credential', 'wrap', `file:${nic.credentialFile}`, '--kek', kek, '--format', 'raw');
  const fields = {
    credential,
    wrapped_key: dek('keygen', '--size', '128', '--kek', kek, '--format', 'raw'),
    wrapped_256_bits_key: dek('keygen', '--size', '256', '--kek', kek, '--format', 'raw'),
  };
  const lines = Object.entries(fields).map(([name, bytes]) => `"${name}": [${numbers(bytes).join(', ')}]`);
  return `[{${lines.join(',\n')}}]\n`;
}

function dek(...args: string[]): Buffer {
  return execFileSync(process.execPath, [join(ROOT, 'bin/dek.cjs'), ...args], {stdio: ['ignore', 'pipe', 'ignore']});
}

function numbers(bytes: Buffer): bigint[] {
  return Array.from({length: bytes.length / 8}, (_, i) => bytes.readBigUInt64BE(8 * i));
}

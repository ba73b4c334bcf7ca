import fs from 'node:fs';
import {expect} from 'chai';
import {wrapKey} from '../../src/wrap/index.js';
import {json, KCV, KEK, KeyFiles, plaintextOf} from '../support/key-files.js';
import {runDek, runDekOnTerminal} from '../support/run-dek.js';

describe('unwrap', function () {
  this.timeout(60_000);
  const files = new KeyFiles();
  const {kek} = files;
  const plain256 = plaintextOf(256, false);
  const wrapped256 = files.write('wrapped', wrapKey(KEK, plain256), 0o644);

  it('verifies, and reveals nothing', async () => {
    const {status, stdout, stderr} = await runDek(['unwrap', wrapped256, '--kek', kek]);
    const expected = `ok: 256-bit DEK without keytag, wrapped under the KEK with KCV ${KCV}\n`;
    expect([status, stdout.toString(), stderr]).to.deep.equal([0, expected, '']);
    const asJson = await runDek(['unwrap', wrapped256, '--kek', kek, '--json']);
    expect(json(asJson)).to.deep.equal({verified: true, keySize: 256, keytag: false, kekKcv: KCV});
  });

  it('sees the keytag, also in base64 from stdin', async () => {
    const input = Buffer.from(wrapKey(KEK, plaintextOf(128, true))).toString('base64');
    const {stdout} = await runDek(['unwrap', '-', '--kek', kek, '--json'], {input});
    expect(JSON.parse(stdout.toString())).to.include({keySize: 128, keytag: true});
  });

  it('reveals to a pipe, and to a file of mode 0600', async () => {
    const {stdout} = await runDek(['unwrap', wrapped256, '--kek', kek, '--reveal']);
    expect(stdout).to.deep.equal(plain256);
    const output = files.path('revealed');
    expect((await runDek(['unwrap', wrapped256, '--kek', kek, '--reveal', '-o', output])).status).to.equal(0);
    expect(fs.readFileSync(output)).to.deep.equal(plain256);
    expect(fs.statSync(output).mode & 0o777).to.equal(0o600);
  });

  it('reveals to a terminal only with --format hex', async () => {
    const refused = await runDekOnTerminal(['unwrap', wrapped256, '--kek', kek, '--reveal']);
    expect(refused.status).to.equal(2);
    expect(refused.stdout.toString()).to.match(/^error: the plaintext key would go to this terminal\r\nhint: /);
    const insisted = await runDekOnTerminal(['unwrap', wrapped256, '--kek', kek, '--reveal', '--format', 'hex']);
    expect(insisted.stdout.toString().split('\r\n')[0]).to.equal(plain256.toString('hex'));
  });

  it('never reveals with --json', async () => {
    const result = await runDek(['unwrap', wrapped256, '--kek', kek, '--reveal', '--json']);
    expect(result.status).to.equal(2);
    expect(json(result)['error']).to.include({code: 'UNSAFE_SECRET'});
  });

  for (const extra of [
    ['--output', 'x'],
    ['--format', 'hex'],
  ]) {
    it(`takes no ${extra[0]} without --reveal`, async () => {
      const {status, stderr} = await runDek(['unwrap', wrapped256, '--kek', kek, ...extra]);
      expect(status).to.equal(2);
      expect(stderr).to.match(/^error: without --reveal there is nothing to write\n/);
    });
  }

  const altered = wrapKey(KEK, plain256);
  altered[40]! ^= 1;
  for (const [what, input, status, message] of [
    ['altered bytes', altered, 6, 'error: integrity check failed'],
    ['a DEK under another KEK', wrapKey(new Uint8Array(16), plain256), 6, 'error: integrity check failed'],
    ['equal keys', wrapKey(KEK, new Uint8Array(32)), 6, 'error: key1 and key2 are equal'],
    [
      'a plaintext length',
      new Uint8Array(32),
      2,
      'error: "wrapped" standard input holds 32 bytes, expected 40, 48, 72 or 80',
    ],
    [
      'an endless stream',
      new Uint8Array(100_000),
      2,
      'error: "wrapped" standard input holds more than 2560 bytes, expected 40, 48, 72 or 80',
    ],
  ] as [string, Uint8Array, number, string][]) {
    it(`refuses ${what}`, async () => {
      const result = await runDek(['unwrap', '-', '--kek', kek, '--reveal'], {input});
      expect([result.status, result.stdout.length]).to.deep.equal([status, 0]);
      expect(result.stderr.split('\n')[0]).to.equal(message);
    });
  }
});

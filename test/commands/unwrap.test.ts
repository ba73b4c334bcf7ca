import fs from 'node:fs';
import {expect} from 'chai';
import {wrapKeys} from '../../src/wrap/bulk.js';
import {wrapKey} from '../../src/wrap/index.js';
import {json, KCV, KEK, KeyFiles, plaintextOf} from '../support/keys/key-files.js';
import {runDek, runDekOnTerminal} from '../support/process/run-dek.js';

describe('unwrap', () => {
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

  for (const dekCount of [1, 100]) {
    it(`names --manifest when it is given a manifest of ${dekCount} DEKs`, async () => {
      const text = files.path(`manifest-${dekCount}`);
      const args = ['--count', `${dekCount}`, '--name', 'vol-%d', '--no-login', '--kek', kek, '--output', text];
      expect((await runDek(['keygen', ...args])).status).to.equal(0);
      const {status, stderr} = await runDek(['unwrap', text, '--kek', kek]);
      expect([status, stderr]).to.deep.equal([
        2,
        `error: "wrapped" ${text} is JSON, expected 40, 48, 72 or 80\n` +
          'hint: if it is a manifest: dek unwrap --manifest FILE, dek apply FILE\n',
      ]);
    });
  }

  it('says of equal keys that they are whole, reveals them all the same, and exits 8', async () => {
    const input = wrapKey(KEK, new Uint8Array(32));
    const said = await runDek(['unwrap', '-', '--kek', kek], {input});
    expect([said.status, said.stdout.length]).to.deep.equal([8, 0]);
    expect(said.stderr).to.match(/^error: whole, but key1 equals key2\nhint: .*FIPS 140-3/);
    const revealed = await runDek(['unwrap', '-', '--kek', kek, '--reveal'], {input});
    expect([revealed.status, revealed.stdout]).to.deep.equal([8, Buffer.alloc(32)]);
    const json = await runDek(['unwrap', '-', '--kek', kek, '--json'], {input});
    expect(JSON.parse(json.stdout.toString()).error.code).to.equal('EQUAL_KEYS');
  });

  it('says so of many, and writes all of them', async () => {
    const [good, equal] = [plain256, new Uint8Array(64).fill(7)];
    const input = wrapKeys(KEK, Buffer.concat([good, equal, good, equal]), 64);
    const args = ['unwrap', '-', '--size', '256', '--kek', kek];
    const said = await runDek(args, {input});
    expect([said.status, said.stderr.split('\n')[0]]).to.deep.equal([
      8,
      'error: DEK 1, at byte 72, and 1 more: whole, but key1 equals key2',
    ]);
    const revealed = await runDek([...args, '--reveal'], {input});
    expect([revealed.status, revealed.stdout]).to.deep.equal([8, Buffer.concat([good, equal, good, equal])]);
  });
});

import fs from 'node:fs';
import {expect} from 'chai';
import {toHex} from '../../src/bytes.js';
import {DEK_LAYOUTS, dekCheckValue, unwrapDek, unwrapKey} from '../../src/wrap/index.js';
import {KCV, KEK, KeyFiles} from '../support/keys/key-files.js';
import {DEK, run, runDek, runDekOnTerminal} from '../support/process/run-dek.js';

describe('keygen', () => {
  const files = new KeyFiles();
  const {kek} = files;

  for (const {keySize, keytag, wrappedBytes} of DEK_LAYOUTS) {
    it(`makes a ${keySize}-bit DEK ${keytag ? 'with' : 'without'} keytag`, async () => {
      const args = ['keygen', '--size', `${keySize}`, '--kek', kek, ...(keytag ? ['--keytag'] : [])];
      const {status, stdout, stderr} = await runDek(args);
      expect(status).to.equal(0);
      expect(stdout.length).to.equal(wrappedBytes);
      const dek = unwrapDek(KEK, new Uint8Array(stdout));
      expect(dek.keySize).to.equal(keySize);
      const tag = dek.keytag ? `with keytag 0x${Buffer.from(dek.keytag).toString('hex')}` : 'without keytag';
      expect(stderr).to.equal(
        `made a ${keySize}-bit DEK ${tag}, ${wrappedBytes} bytes wrapped under the KEK with KCV ${KCV}\n` +
          `its check value (DCV) is ${toHex(dekCheckValue(unwrapKey(KEK, new Uint8Array(stdout))))}\n`,
      );
    });
  }

  it('makes a 256-bit DEK without keytag unless told, and another each time', async () => {
    const [one, two] = await Promise.all([runDek(['keygen', '--kek', kek]), runDek(['keygen', '--kek', kek])]);
    expect(one.stdout.length).to.equal(72);
    expect(one.stdout).to.not.deep.equal(two.stdout);
  });

  for (const given of ['0123456789ABCDEF', '0x0123456789abcdef', '0X0123456789abcdef']) {
    it(`puts the keytag ${given} inside, and prints it as DPDK has to be told it`, async () => {
      const {stdout} = await runDek(['keygen', '--kek', kek, '--keytag-value', given, '--json']);
      const result = JSON.parse(stdout.toString());
      expect(result).to.include({keySize: 256, keytag: '0x0123456789abcdef', kekKcv: KCV, output: null});
      const {keytag} = unwrapDek(KEK, new Uint8Array(Buffer.from(result.wrapped, 'hex')));
      expect(Buffer.from(keytag!).toString('hex')).to.equal('0123456789abcdef');
    });
  }

  for (const value of ['0x', '0x1234', '00', '0123456789abcde', '0123456789abcdef00', 'keytag:1']) {
    it(`refuses the keytag "${value}"`, async () => {
      const {status, stdout, stderr} = await runDek(['keygen', '--kek', kek, '--keytag-value', value]);
      expect([status, stdout.length]).to.deep.equal([2, 0]);
      expect(stderr).to.match(value === '' ? /^error: --keytag-value is empty$/m : /^error: "keytag-value" expected /);
    });
  }

  it('writes a file of mode 0600, and does not replace one unless forced', async () => {
    const output = files.path('new.dek');
    const first = await runDek(['keygen', '--kek', kek, '--output', output, '--format', 'base64']);
    expect([first.status, first.stdout.length]).to.deep.equal([0, 0]);
    const before = fs.readFileSync(output, 'latin1');
    expect(Buffer.from(before, 'base64').length).to.equal(72);
    expect(fs.statSync(output).mode & 0o777).to.equal(0o600);
    const second = await runDek(['keygen', '--kek', kek, '--output', output]);
    expect([second.status, second.stderr]).to.deep.equal([
      5,
      `error: ${output} exists\nhint: name another file, or replace it with --force\n`,
    ]);
    expect(fs.readFileSync(output, 'latin1')).to.equal(before);
    expect((await runDek(['keygen', '--kek', kek, '--output', output, '--force'])).status).to.equal(0);
    expect(fs.readFileSync(output).length).to.equal(72);
  });

  it('prints hex on a terminal, unless told', async () => {
    const {stdout} = await runDekOnTerminal(['keygen', '--kek', kek, '--size', '128']);
    expect(stdout.toString()).to.match(/^[0-9a-f]{80}\r\nmade a 128-bit DEK/);
    const base64 = await runDekOnTerminal(['keygen', '--kek', kek, '--size', '128', '--format', 'base64']);
    expect(base64.stdout.toString()).to.match(/^[\w+/]{54}==\r\n/);
  });

  it('needs a KEK', async () => {
    const {status, stderr} = await runDek(['keygen']);
    expect(status).to.equal(2);
    expect(stderr).to.match(/missing option: --kek\n/);
  });

  for (const [what, args, status] of [
    ['a KEK that others can read', ['--kek', `file:${files.write('open-kek', KEK, 0o644)}`], 2],
    ['a KEK of 24 bytes', ['--kek', `file:${files.write('kek-24', KEK.subarray(0, 24))}`], 2],
    ['a KEK on the command line', ['--kek', '00'.repeat(32)], 2],
    ['a KEK that is not there', ['--kek', 'file:/nonexistent'], 3],
    ['a size of 192', ['--kek', kek, '--size', '192'], 2],
    ['two keytags', ['--kek', kek, '--keytag', '--keytag-value', '0123456789abcdef'], 2],
    ['an unknown format', ['--kek', kek, '--format', 'pem'], 2],
    ['--force without a file', ['--kek', kek, '--force'], 2],
    ['a file in no directory', ['--kek', kek, '-o', '/nonexistent/dek'], 1],
    ['"-" for a file', ['--kek', kek, '-o', '-'], 2],
  ] as [string, string[], number][]) {
    it(`refuses ${what} with exit status ${status}`, async () => {
      const result = await runDek(['keygen', ...args]);
      expect([result.status, result.stdout.length]).to.deep.equal([status, 0]);
      expect(result.stderr).to.match(/^error: /);
      expect(result.stderr).to.not.include('0000000000000000');
    });
  }

  it('refuses to make a DEK for a standard output that is closed', async () => {
    const closed = await run('sh', ['-c', '"$0" "$@" >&-', process.execPath, DEK, 'keygen', '--kek', kek], {});
    expect(closed.status).to.equal(1);
    expect(closed.stderr).to.match(/^error: cannot write standard output: it is closed/);
    const thrownAway = await run(
      'sh',
      ['-c', '"$0" "$@" >/dev/null', process.execPath, DEK, 'keygen', '--kek', kek],
      {},
    );
    expect([thrownAway.status, thrownAway.stderr.split(' ')[0]]).to.deep.equal([0, 'made']);
  });
});

import fs from 'node:fs';
import {expect} from 'chai';
import {DEK_LAYOUTS, wrapKey} from '../../src/wrap/index.js';
import {json, KCV, KEK, KeyFiles, plaintextOf} from '../support/key-files.js';
import {DEK, run, runDek, runDekOnTerminal} from '../support/run-dek.js';

describe('wrap', function () {
  this.timeout(60_000);
  const files = new KeyFiles();
  const {kek} = files;
  const plain256 = plaintextOf(256, false);
  const dekFile = files.write('dek', plain256);

  for (const {keySize, keytag, wrappedBytes} of DEK_LAYOUTS) {
    it(`wraps a ${keySize}-bit DEK ${keytag ? 'with' : 'without'} keytag from stdin`, async () => {
      const plaintext = plaintextOf(keySize, keytag);
      const {status, stdout, stderr} = await runDek(['wrap', '-', '--kek', kek], {input: plaintext});
      expect(status).to.equal(0);
      expect(stdout).to.deep.equal(Buffer.from(wrapKey(KEK, plaintext)));
      expect(stderr).to.equal(
        `wrapped a ${keySize}-bit DEK ${keytag ? 'with' : 'without'} keytag into ${wrappedBytes} bytes ` +
          `under the KEK with KCV ${KCV}\n`,
      );
    });
  }

  it('prints one object with --json', async () => {
    const wrapped = Buffer.from(wrapKey(KEK, plain256)).toString('hex');
    const result = await runDek(['wrap', `file:${dekFile}`, '--kek', kek, '--json']);
    expect(json(result)).to.deep.equal({keySize: 256, keytag: false, wrapped, kekKcv: KCV, output: null});
    expect(result.stderr).to.equal('');
  });

  it('takes the KEK from stdin, and hex from a descriptor', async () => {
    const hex = fs.openSync(files.write('dek.hex', `${plain256.toString('hex')}\n`), 'r');
    const {stdout} = await runDek(['wrap', 'fd:3', '--kek', '-'], {input: KEK, fds: [hex]});
    fs.closeSync(hex);
    expect(stdout).to.deep.equal(Buffer.from(wrapKey(KEK, plain256)));
  });

  it('takes the KEK from a systemd credential', async () => {
    const env = {CREDENTIALS_DIRECTORY: files.directory};
    const {stdout} = await runDek(['wrap', '-', '--kek', 'cred:kek'], {input: plain256, env});
    expect(stdout).to.deep.equal(Buffer.from(wrapKey(KEK, plain256)));
  });

  it('reads a stdin in non-blocking mode', async () => {
    const python = 'import os, sys; os.set_blocking(0, False); os.execv(sys.argv[1], sys.argv[1:])';
    const args = [
      '-c',
      'sleep 0.5; cat "$1" | { sleep 0.5; cat; } | /usr/bin/python3 -c "$2" "$3" "$4" wrap - --kek "$5"',
    ];
    const {stdout} = await run('sh', [...args, 'sh', dekFile, python, process.execPath, DEK, kek], {});
    expect(stdout).to.deep.equal(Buffer.from(wrapKey(KEK, plain256)));
  });

  it('tells what it waits for when a pipe gives nothing', async () => {
    const command = `{ sleep 3; cat "$1"; } | "$2" "$3" wrap - --kek "$4"`;
    const {stdout, stderr} = await run('sh', ['-c', command, 'sh', dekFile, process.execPath, DEK, kek], {});
    expect(stderr).to.match(/^waiting for "plaintext" standard input\nwrapped /);
    expect(stdout).to.deep.equal(Buffer.from(wrapKey(KEK, plain256)));
  });

  it('does not read keys from a terminal', async () => {
    const {status, stdout} = await runDekOnTerminal(['wrap', '-', '--kek', kek]);
    expect(status).to.equal(2);
    expect(stdout.toString()).to.match(/^error: "plaintext" standard input is a terminal\r\nhint: /);
  });

  for (const [what, args, input, status, message] of [
    [
      'both from stdin',
      ['-', '--kek', '-'],
      KEK,
      2,
      'error: two inputs come from one stream, which can be read only once',
    ],
    ['equal keys', ['-', '--kek', kek], Buffer.alloc(64, 7), 8, 'error: key1 and key2 are equal'],
    [
      '48 bytes',
      ['-', '--kek', kek],
      Buffer.alloc(48, 0xff),
      2,
      'error: "plaintext" standard input holds 48 bytes, expected 32, 40, 64 or 72',
    ],
    ['nothing', ['-', '--kek', kek], '', 2, 'error: "plaintext" standard input is empty, expected 32, 40, 64 or 72'],
    ['a bare path', [dekFile, '--kek', kek], '', 2, 'error: "plaintext" is not a source'],
    [
      'hex that is said to be raw',
      ['-', '--kek', kek, '--input-format', 'raw'],
      plain256.toString('hex'),
      2,
      'error: "plaintext" standard input holds 128 bytes, expected 32, 40, 64 or 72',
    ],
  ] as [string, string[], Uint8Array | string, number, string][]) {
    it(`refuses ${what}`, async () => {
      const result = await runDek(['wrap', ...args], {input});
      expect([result.status, result.stdout.length]).to.deep.equal([status, 0]);
      expect(result.stderr.split('\n')[0]).to.equal(message);
    });
  }

  it('needs a source', async () => {
    const {status, stderr} = await runDek(['wrap', '--kek', kek], {input: plain256});
    expect(status).to.equal(2);
    expect(stderr).to.match(/^error: missing argument: SOURCE\n/);
  });
});

import fs from 'node:fs';
import {expect} from 'chai';
import {toHex} from '../../src/bytes.js';
import {DEK_LAYOUTS, dekCheckValue, wrapKey} from '../../src/wrap/index.js';
import {json, KCV, KEK, KeyFiles, plaintextOf} from '../support/keys/key-files.js';
import {DEK, run, runDek, runDekOnTerminal} from '../support/process/run-dek.js';

describe('wrap', () => {
  const files = new KeyFiles();
  const {kek} = files;
  const plain256 = plaintextOf(256, false);
  const dekFile = files.write('dek', plain256);
  /** Of `plain256`: in vectors/dcv.json, and by an independent implementation. */
  const DCV = '21dd5e59f72d3d2f01d0bb048a7251d2';

  for (const {keySize, keytag, wrappedBytes} of DEK_LAYOUTS) {
    it(`wraps a ${keySize}-bit DEK ${keytag ? 'with' : 'without'} keytag from stdin`, async () => {
      const plaintext = plaintextOf(keySize, keytag);
      const {status, stdout, stderr} = await runDek(['wrap', '-', '--kek', kek], {input: plaintext});
      expect(status).to.equal(0);
      expect(stdout).to.deep.equal(Buffer.from(wrapKey(KEK, plaintext)));
      expect(stderr).to.equal(
        `wrapped a ${keySize}-bit DEK ${keytag ? 'with' : 'without'} keytag into ${wrappedBytes} bytes ` +
          `under the KEK with KCV ${KCV}\nits check value (DCV) is ${toHex(dekCheckValue(plaintext))}\n`,
      );
    });
  }

  it('prints one object with --json', async () => {
    const wrapped = Buffer.from(wrapKey(KEK, plain256)).toString('hex');
    const result = await runDek(['wrap', `file:${dekFile}`, '--kek', kek, '--json']);
    expect(json(result)).to.deep.equal({
      keySize: 256,
      keytag: false,
      dcv: DCV,
      dcvHints: '7c8562f235a7',
      wrapped,
      kekKcv: KCV,
      output: null,
    });
    expect(result.stderr).to.equal('');
  });

  describe('with a check value', () => {
    const [key1, key2] = [plain256.subarray(0, 32), plain256.subarray(32)];
    const reversed = (key: Buffer): Buffer => Buffer.from(key).reverse();
    const wrap = (dek: Buffer, ...args: string[]) => runDek(['wrap', '-', '--kek', kek, ...args], {input: dek});

    it('takes the key that has it', async () => {
      for (const dcv of [DCV, `0x${DCV.toUpperCase()}`]) {
        expect((await wrap(plain256, '--dcv', dcv)).status).to.equal(0);
      }
    });

    for (const [title, dek, words] of [
      ['swapped halves', Buffer.concat([key2, key1]), 'key1 and key2 are swapped'],
      [
        'reversed halves',
        Buffer.concat([reversed(key1), reversed(key2)]),
        'the bytes of key1 and of key2 are reversed',
      ],
      [
        'both',
        Buffer.concat([reversed(key2), reversed(key1)]),
        'key1 and key2 are swapped, and the bytes of each reversed',
      ],
    ] as const) {
      it(`refuses ${title}, and writes nothing`, async () => {
        const output = files.path('refused');
        const {status, stderr} = await wrap(dek, '--dcv', DCV, '--output', output);
        expect([status, stderr.split('\n')[0]]).to.deep.equal([
          6,
          `error: the key is not the one with this DCV: ${words}`,
        ]);
        expect(fs.existsSync(output)).to.equal(false);
      });
    }

    it('refuses another key, and a value that is none', async () => {
      const other = await wrap(Buffer.concat([key1, reversed(key2)]), '--dcv', DCV);
      expect([other.status, other.stdout.length]).to.deep.equal([6, 0]);
      expect(other.stderr).to.match(
        /^error: the key is not the one with this DCV, and no other arrangement of it is\n/,
      );
      const short = await wrap(plain256, '--dcv', DCV.slice(2));
      expect([short.status, short.stderr.split('\n')[0]]).to.deep.equal([
        2,
        'error: --dcv expected 32 hex digits, got 30 characters',
      ]);
    });

    it('of a stream, from a file and into one', async () => {
      const stream = Buffer.concat([plain256, Buffer.concat([key2, key1])]);
      const [values, output] = [files.path('values'), files.path('stream')];
      const args = ['--size', '256', '--output', output, '--force'];
      expect((await wrap(stream, ...args, '--dcv-output', values)).status).to.equal(0);
      const lines = fs.readFileSync(values, 'latin1');
      expect(lines).to.match(new RegExp(`^${DCV}\\n[0-9a-f]{32}\\n$`));
      expect((await wrap(stream, ...args, '--dcv-input', values)).status).to.equal(0);
      const twice = Buffer.concat([plain256, plain256]);
      const wrong = await wrap(twice, ...args, '--dcv-input', values);
      expect([wrong.status, wrong.stderr.split('\n')[0]]).to.deep.equal([
        6,
        'error: DEK 1, at byte 64: the key is not the one with this DCV: key1 and key2 are swapped',
      ]);
      for (const [content, message] of [
        [`${DCV}\n`, `${values} has 1 check values, and there are 2 or more DEKs`],
        [`${lines}${DCV}\n`, `${values} has 3 check values, and there are 2 DEKs`],
        ['x\n', `${values}: line 1: expected a check value (DCV), 32 hex digits`],
      ]) {
        fs.writeFileSync(values, content!);
        const {status, stderr} = await wrap(stream, ...args, '--dcv-input', values);
        expect([status, stderr.split('\n')[0]]).to.deep.equal([2, `error: ${message}`]);
      }
    });
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

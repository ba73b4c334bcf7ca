/**
 * Text in place of a key: refused where it is not the key in hex or base64, taken as it is where that was asked for.
 */
import fs from 'node:fs';
import {expect} from 'chai';
import {unwrapKey, wrapCredential, wrapKey} from '../../src/wrap/index.js';
import {keyCheckValue} from '../../src/wrap/kcv.js';
import {KCV, KEK, KeyFiles, plaintextOf} from '../support/keys/key-files.js';
import {runDek} from '../support/process/run-dek.js';

describe('text in place of a key', () => {
  const files = new KeyFiles();
  const {kek} = files;
  // base64 of 24 bytes, as many characters as a KEK has bytes.
  const text = Buffer.alloc(24, 0xa5).toString('base64');
  const textKek = `file:${files.write('text-kek', text)}`;
  const otherText = `file:${files.write('other-text', Buffer.alloc(24, 0xa6).toString('base64'))}`;
  const textKcv = Buffer.from(keyCheckValue(Buffer.from(text))).toString('hex');
  const key = plaintextOf(128, false);
  const keyFile = `file:${files.write('key', key)}`;
  const wrappedFile = files.write('wrapped', wrapKey(Buffer.from(text), key));
  const credential = `file:${files.write('credential', Buffer.alloc(40, 0xc3))}`;
  const hexCredential = `file:${files.write('hex-credential', Buffer.alloc(20, 0xc3).toString('hex'))}`;
  const hexKey = `file:${files.write('hex-key', plaintextOf(128, false).subarray(8, 24).toString('hex'))}`;
  const header = ['--no-login', '--output', files.path('manifest')];
  before(() => runDek(['keygen', '--name', 'a', '--kek', textKek, '--kek-format', 'raw', ...header]));

  for (const [args, flag, title] of [
    [['keygen', '--kek', textKek], '--kek-format', 'kek'],
    [['wrap', keyFile, '--kek', textKek], '--kek-format', 'kek'],
    [['unwrap', wrappedFile, '--kek', textKek], '--kek-format', 'kek'],
    [['credential', 'wrap', credential, '--kek', textKek], '--kek-format', 'kek'],
    [['manifest', 'check', files.path('manifest'), '--kek', textKek], '--kek-format', 'kek'],
    [
      ['rewrap', files.path('manifest'), '--from', textKek, '--to', kek, '-o', files.path('m2')],
      '--from-format',
      'from',
    ],
    [
      [
        'rewrap',
        files.path('manifest'),
        '--from',
        textKek,
        '--from-format',
        'raw',
        '--to',
        otherText,
        '-o',
        files.path('m3'),
      ],
      '--to-format',
      'to',
    ],
    [['credential', 'wrap', hexCredential, '--kek', kek], '--input-format', 'credential'],
    [['wrap', hexKey, '--kek', kek], '--input-format', 'plaintext'],
    [['wrap', hexKey, '--kek', kek, '--size', '128'], '--input-format', 'plaintext'],
    [['virtual', 'create', files.path('nic-1'), '--kek', textKek], '--kek-format', 'kek'],
    [['virtual', 'create', files.path('nic-2'), '--credential', hexCredential], '--credential-format', 'credential'],
  ] as const) {
    it(`is refused by ${args.slice(0, 2).join(' ')} unless ${flag} says raw`, async () => {
      const refused = await runDek(args);
      expect(refused.status, refused.stderr).to.equal(2);
      expect(refused.stdout.toString()).to.equal('');
      expect(refused.stderr)
        .to.match(new RegExp(`^error: "${title}" file:`))
        .and.match(/\nhint: .*raw as (its|their) format/);
      const taken = await runDek([...args, flag, 'raw']);
      expect(taken.status, taken.stderr).to.equal(0);
    });
  }

  it('is the key when raw is asked for', async () => {
    const {stdout, stderr} = await runDek(['wrap', keyFile, '--kek', textKek, '--kek-format', 'raw']);
    expect(stderr).to.include(textKcv);
    expect(unwrapKey(Buffer.from(text), stdout)).to.deep.equal(new Uint8Array(key));
    const raw = await runDek(['wrap', hexKey, '--kek', kek, '--input-format', 'raw']);
    expect(unwrapKey(KEK, raw.stdout)).to.deep.equal(new Uint8Array(fs.readFileSync(hexKey.slice(5))));
  });

  it('is found in the midst of many keys', async () => {
    const input = Buffer.concat([key, Buffer.alloc(32, 'k'), key]);
    const {status, stderr} = await runDek(['wrap', '-', '--kek', kek, '--size', '128'], {input});
    expect([status, stderr.split('\n')[0]]).to.deep.equal([
      2,
      'error: "plaintext" standard input is text where key 2 should be',
    ]);
  });

  it('is no stream of many keys', async () => {
    const args = ['wrap', '-', '--kek', kek, '--size', '128', '--input-format', 'hex'];
    const {status, stderr} = await runDek(args, {input: key.toString('hex')});
    expect([status, stderr.split('\n')[0]]).to.deep.equal([
      2,
      'error: "plaintext" standard input has many keys, which are raw, not hex',
    ]);
  });

  it('is read as the programs of perftest and DPDK write it', async () => {
    const lines = (bytes: Uint8Array): string =>
      [...bytes].map((byte) => `0x${byte.toString(16).padStart(2, '0')}\n`).join('');
    const spaces = (bytes: Uint8Array): string => ` ${Buffer.from(bytes).toString('hex').replace(/../g, '$& ')}\n`;
    const wrapped = files.write('perftest-dek', lines(wrapKey(KEK, key)));
    const perftestKek = `file:${files.write('perftest-kek', lines(KEK))}`;
    const {stdout} = await runDek(['unwrap', wrapped, '--kek', perftestKek]);
    expect(stdout.toString()).to.equal(`ok: 128-bit DEK without keytag, wrapped under the KEK with KCV ${KCV}\n`);
    for (const [name, form] of Object.entries({lines, spaces})) {
      const login = ['--import-kek-id', '1', '--credential-id', '1', '--credential'];
      const wcs = files.write(`wcs-${name}`, form(wrapCredential(KEK, Buffer.alloc(40, 9))));
      const {status, stderr} = await runDek(['keygen', '--name', 'a', '--kek', kek, ...login, wcs]);
      expect(status, stderr).to.equal(0);
    }
  });
});

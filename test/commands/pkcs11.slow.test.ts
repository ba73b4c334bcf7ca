/** Commands with an import KEK in a token of SoftHSM2. */
import {randomBytes} from 'node:crypto';
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {openManifest} from '../../src/manifest/index.js';
import {keyCheckValue} from '../../src/wrap/kcv.js';
import {unwrapKey, wrapKey} from '../../src/wrap/kw.js';
import {json, plaintextOf} from '../support/keys/key-files.js';
import {PIN, TestToken} from '../support/keys/token.js';
import {type Run, runDek} from '../support/process/run-dek.js';

describe('commands with pkcs11:', () => {
  const kek = randomBytes(32);
  const kekKcv = Buffer.from(keyCheckValue(kek)).toString('hex');
  let token: TestToken;
  let uri: string;
  let file: string;

  before(() => {
    token = new TestToken();
    token.addKey('kek', '01', kek);
    uri = token.uri('kek');
    fs.writeFileSync(path('kek-file'), kek, {mode: 0o600});
    file = `file:${path('kek-file')}`;
  });
  after(() => token.remove());

  const path = (name: string) => join(token.directory, name);
  /** Runs it, with the KEK in the token; nothing that others see has the PIN. */
  async function dek(args: string[], input?: Uint8Array): Promise<Run> {
    const result = await runDek([...args, '--kek', uri], {input: input ?? ''});
    expect(result.stdout.toString('latin1') + result.stderr).to.not.include(PIN);
    return result;
  }

  it('wraps a DEK and a credential, and unwraps, as with the KEK from a file', async () => {
    const plaintext = plaintextOf(256, true);
    const wrapped = await dek(['wrap', '-'], plaintext);
    expect(wrapped.status, wrapped.stderr).to.equal(0);
    expect(wrapped.stdout).to.deep.equal(Buffer.from(wrapKey(kek, plaintext)));
    expect(wrapped.stderr).to.include(`under the KEK with KCV ${kekKcv}`);
    const credential = randomBytes(40);
    expect((await dek(['credential', 'wrap', '-'], credential)).stdout).to.deep.equal(
      Buffer.from(wrapKey(kek, credential)),
    );
    const opened = await dek(['unwrap', '-', '--reveal'], wrapped.stdout);
    expect(opened.stdout).to.deep.equal(plaintext);
  });

  it('does not unwrap what was altered', async () => {
    const wrapped = wrapKey(kek, plaintextOf(256, false));
    wrapped[20]! ^= 1;
    const {status, stderr} = await dek(['unwrap', '-'], wrapped);
    expect([status, stderr.split('\n')[0]]).to.deep.equal([6, 'error: integrity check failed']);
  });

  it('wraps a stream of DEKs in one session', async () => {
    const keys = randomBytes(64 * 100);
    const {stdout, status, stderr} = await dek(['wrap', '-', '--size', '256'], keys);
    expect(status, stderr).to.equal(0);
    for (let i = 0; i < 100; i++) {
      const expected = wrapKey(kek, keys.subarray(64 * i, 64 * (i + 1)));
      expect(Buffer.compare(stdout.subarray(72 * i, 72 * (i + 1)), expected)).to.equal(0);
    }
  });

  describe('keygen', () => {
    it('makes a DEK inside the token, without a check value, and says so', async () => {
      const result = await dek(['keygen', '--json']);
      const {wrapped, ...rest} = json(result);
      expect(rest).to.deep.equal({keySize: 256, keytag: null, dcv: null, dcvHints: null, kekKcv, output: null});
      expect(unwrapKey(kek, Buffer.from(wrapped as string, 'hex')).length).to.equal(64);
      expect((await dek(['keygen', '--format', 'hex'])).stderr).to.include('nobody has seen the key');
    });

    for (const flag of [['--keytag'], ['--keytag-value', '0123456789abcdef']]) {
      it(`refuses ${flag[0]}: nobody would know it`, async () => {
        const {status, stderr, stdout} = await dek(['keygen', ...flag]);
        expect([status, stdout.length]).to.deep.equal([2, 0]);
        expect(stderr).to.include('has no keytag: nobody would know it');
      });
    }

    it('makes a manifest, which is checked with token and file, added to and re-wrapped', async () => {
      const credential = path('credential');
      fs.writeFileSync(credential, wrapKey(kek, randomBytes(40)));
      const login = ['--import-kek-id', '1', '--credential-id', '2', '--credential', credential];
      const manifest = path('manifest');
      const make = ['keygen', '--count', '50', '--name', 'v-%d', ...login, '-o', manifest];
      const made = await dek(make);
      expect(made.status, made.stderr).to.equal(0);
      const {header, entries} = await openManifest(manifest);
      expect(header.importKekKcv).to.deep.equal(keyCheckValue(kek));
      for await (const {wrapped, dcv} of entries) {
        expect(unwrapKey(kek, wrapped).length).to.equal(64);
        expect(dcv).to.equal(undefined);
      }
      const added = await dek(['wrap', '-', '--manifest', manifest, '--name', 'w'], plaintextOf(128, true));
      expect(added.status, added.stderr).to.equal(0);
      for (const source of [uri, file]) {
        const checked = await runDek(['manifest', 'check', manifest, '--kek', source]);
        expect(checked.status, checked.stderr).to.equal(0);
      }
      token.addKey('next', '02', randomBytes(16));
      const next = token.uri('next');
      const rewrapped = await runDek(['rewrap', manifest, '--from', uri, '--to', next, '--output', path('next')]);
      expect(rewrapped.status, rewrapped.stderr).to.equal(0);
      const checked = await runDek(['manifest', 'check', path('next'), '--kek', next, '--json']);
      expect(checked.status, checked.stderr).to.equal(0);
    });
  });

  for (const [what, change, status, message] of [
    ['a PIN on the command line', (uri: string) => `${uri}&pin-value=${PIN}`, 2, /^error: "kek" has a pin-value/],
    ['no such token', (uri: string) => uri.replace('officer', 'nobody'), 3, /^error: there is no such token$/],
    ['no such key', (uri: string) => uri.replace('object=kek', 'object=x'), 3, /has no AES key "x"$/],
    ['no such module', (uri: string) => uri.replace('/usr/lib/', '/nowhere/'), 3, /is no PKCS #11 module/],
    ['a KCV of another KEK', (uri: string) => uri, 6, /^error: "kek" has KCV \w{10}, and 0102030405 was expected$/],
  ] as const) {
    it(`says what is wrong: ${what}`, async () => {
      const kcv = what.startsWith('a KCV') ? ['--kcv', '0102030405'] : [];
      const result = await runDek(['keygen', '--kek', change(uri), ...kcv, '--output', path('nothing')]);
      expect(result.status, result.stderr).to.equal(status);
      expect(result.stderr.split('\n')[0]).to.match(message);
      expect(fs.existsSync(path('nothing'))).to.equal(false);
    });
  }
});

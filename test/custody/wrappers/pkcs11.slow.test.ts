/** Import KEKs in a token of SoftHSM2: known answers, and what tokens and their modules do at the wrong time. */
import {randomBytes} from 'node:crypto';
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {openKek} from '../../../src/custody/kek.js';
import {readSecretText} from '../../../src/custody/source.js';
import {openKek as openPkcs11} from '../../../src/custody/wrappers/pkcs11.js';
import {CKA} from '../../../src/pkcs11/cryptoki.js';
import {unwrapKeys, wrapKeys} from '../../../src/wrap/bulk.js';
import {keyCheckValue} from '../../../src/wrap/kcv.js';
import type {KekHandle} from '../../../src/wrap/kek-handle.js';
import {faultyModule, SOFTHSM, TestToken} from '../../support/keys/token.js';
import {bytes, readVectors} from '../../support/keys/vectors.js';
import {runDek} from '../../support/process/run-dek.js';

/** How long a module may take before it is given up, here. */
const TIMEOUT_MS = {ofOneThatHangs: 2000, ofOthers: 30_000};

describe('pkcs11', () => {
  const [kek, other] = [randomBytes(32), randomBytes(16)];
  let token: TestToken;

  before(() => {
    token = new TestToken();
    token.addKey('kek', '01', kek);
    token.addKey('other', '02', other);
  });
  after(() => {
    token.remove();
    delete process.env['FAULT'];
    delete process.env['REAL_MODULE'];
  });

  async function withKek<T>(uri: string, use: (kek: KekHandle) => Promise<T>, kcv?: Uint8Array): Promise<T> {
    const handle = await openKek(uri, {kcv});
    try {
      return await use(handle);
    } finally {
      await handle.close();
    }
  }

  /** The code, the message and the hint of what `work` throws. */
  async function refusal(work: Promise<unknown>): Promise<{code: string; message: string; hint?: string}> {
    try {
      await work;
    } catch (error) {
      const {code, message, hint} = error as Error & {code: string; hint?: string};
      return {code, message, ...(hint === undefined ? {} : {hint})};
    }
    return expect.fail('it did not throw');
  }

  it('names the key and the token, and tells size and KCV', async () => {
    await withKek(token.uri('kek'), async (handle) => {
      expect(handle.name).to.equal('"kek" key "kek" in the token "officer"');
      expect(handle.kekBytes).to.equal(32);
      expect(handle.kcv).to.deep.equal(keyCheckValue(kek));
      expect(handle.secret).to.equal(undefined);
    });
  });

  it('wraps and unwraps known answers as the software engine does', async () => {
    const {vectors, refused} = readVectors('dek');
    const keks = [...new Set([...vectors, ...refused].map(({kek}) => kek))];
    for (const [i, hex] of keks.entries()) {
      token.addKey(`vectors-${i}`, `a${i}`, bytes(hex));
      await withKek(token.uri(`vectors-${i}`), async (handle) => {
        for (const {id, plaintext, wrapped} of vectors.filter(({kek}) => kek === hex)) {
          const plain = bytes(plaintext);
          expect(await handle.wrap(plain, plain.length), id).to.deep.equal(bytes(wrapped));
          expect(await handle.unwrap(bytes(wrapped), plain.length), id).to.deep.equal(plain);
        }
        for (const {id, wrapped, error} of refused.filter(({kek}) => kek === hex)) {
          if (error !== 'UNWRAP_FAILED') continue; // equal keys are seen by others
          const {code} = await refusal(handle.unwrap(bytes(wrapped), bytes(wrapped).length - 8));
          expect(code, id).to.equal('UNWRAP_FAILED');
        }
      });
    }
  });

  for (const [what, query] of [
    ['one by one', ''],
    ['in lanes', '&x-lanes=aes-ecb'],
  ] as const) {
    it(`handles many keys in one session, ${what}: as the software engine, and says which failed`, async () => {
      for (const plaintextBytes of [32, 40, 64, 72]) {
        const plaintexts = randomBytes(100 * plaintextBytes);
        const wrapped = Buffer.from(wrapKeys(kek, plaintexts, plaintextBytes));
        await withKek(token.uri('kek', {query}), async (handle) => {
          expect(Buffer.compare(await handle.wrap(plaintexts, plaintextBytes), wrapped)).to.equal(0);
          expect(Buffer.compare(await handle.unwrap(wrapped, plaintextBytes), plaintexts)).to.equal(0);
          wrapped[3 * (plaintextBytes + 8)]! ^= 1;
          wrapped[70 * (plaintextBytes + 8)]! ^= 1;
          const failed: number[] = [];
          const opened = await handle.unwrap(wrapped, plaintextBytes, failed);
          expect(failed).to.deep.equal([3, 70]);
          plaintexts.fill(0, 3 * plaintextBytes, 4 * plaintextBytes);
          plaintexts.fill(0, 70 * plaintextBytes, 71 * plaintextBytes);
          expect(Buffer.compare(opened, plaintexts)).to.equal(0);
          expect((await refusal(handle.unwrap(wrapped, plaintextBytes))).code).to.equal('UNWRAP_FAILED');
        });
      }
    });
  }

  it('re-wraps from one key to another inside the token', async () => {
    const plaintexts = randomBytes(40 * 72);
    const wrapped = Buffer.from(wrapKeys(kek, plaintexts, 72));
    await withKek(token.uri('kek'), (from) =>
      withKek(token.uri('other'), async (to) => {
        expect(Buffer.compare(await from.rewrap(to, wrapped, 72), wrapKeys(other, plaintexts, 72))).to.equal(0);
        wrapped[80 * 35]! ^= 1;
        const failed: number[] = [];
        const rewrapped = await from.rewrap(to, wrapped, 72, failed);
        expect(failed).to.deep.equal([35]);
        expect(rewrapped.subarray(80 * 35, 80 * 36).every((byte) => byte === 0)).to.equal(true);
      }),
    );
  });

  for (const plaintextBytes of [32, 64]) {
    it(`makes keys of ${plaintextBytes} bytes inside the token, each another`, async () => {
      const wrapped = await withKek(token.uri('kek'), (handle) => handle.generate!(40, plaintextBytes));
      const keys = unwrapKeys(kek, wrapped, plaintextBytes);
      const each = Array.from({length: 40}, (_, i) =>
        Buffer.from(keys.subarray(i * plaintextBytes, (i + 1) * plaintextBytes)).toString('hex'),
      );
      expect(new Set(each).size).to.equal(40);
    });
  }

  it('leaves no objects in the token, and no process', async () => {
    const objects = () => token.tool('--list-objects').match(/Secret Key Object/g)?.length;
    const before = objects();
    await withKek(token.uri('kek'), async (handle) => {
      await handle.wrap(randomBytes(64 * 10), 64);
      await handle.generate!(10, 64);
    });
    expect(objects()).to.equal(before);
    const children = fs.readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8');
    expect(children.trim()).to.equal('');
  });

  it('seals: what the token sealed opens with the same key as bytes', async () => {
    const [plain, keyFile] = [join(token.directory, 'plain'), join(token.directory, 'key-file')];
    fs.writeFileSync(plain, 'a secret', {mode: 0o600});
    fs.writeFileSync(keyFile, kek, {mode: 0o600});
    const sealed = await runDek(['seal', plain, '--name', 'x', '--with-key', token.uri('kek')]);
    expect(sealed.status, sealed.stderr).to.equal(0);
    const opened = await runDek(['unseal', '-', '--name', 'x', '--with-key', `file:${keyFile}`], {
      input: sealed.stdout,
    });
    expect([opened.status, opened.stdout.toString()]).to.deep.equal([0, 'a secret']);
    const small = await runDek(['seal', plain, '--name', 'x', '--with-key', token.uri('other')]);
    expect([small.status, small.stderr.split('\n')[0]]).to.deep.equal([
      2,
      'error: "with-key" key "other" in the token "officer" has 16 bytes, expected 32',
    ]);
  });

  describe('by the policy of the key', () => {
    const NO_KCV = [[CKA.SIGN, false]] as const;
    const kcv = Uint8Array.of(1, 2, 3, 4, 5);

    it('takes the KCV that was written down where the token does not tell one, and knows none without', async () => {
      token.addKeyWith('no-sign', kek, [...NO_KCV, [CKA.WRAP, true]]);
      await withKek(token.uri('no-sign'), async (handle) => expect(handle.kcv).to.equal(undefined));
      await withKek(token.uri('no-sign'), async (handle) => expect(handle.kcv).to.deep.equal(kcv), kcv);
    });

    it('refuses a KCV that was written down where the token tells another', async () => {
      expect((await refusal(withKek(token.uri('kek'), async () => {}, kcv))).code).to.equal('UNWRAP_FAILED');
    });

    it('wraps with a key that only wraps, and says why it does not unwrap', async () => {
      token.addKeyWith('wrap-only', kek, [
        [CKA.WRAP, true],
        [CKA.UNWRAP, false],
        [CKA.DECRYPT, false],
      ]);
      const plaintexts = randomBytes(64 * 3);
      await withKek(token.uri('wrap-only'), async (handle) => {
        const wrapped = await handle.wrap(plaintexts, 64);
        expect(Buffer.compare(wrapped, wrapKeys(kek, plaintexts, 64))).to.equal(0);
        const {code, message, hint} = await refusal(handle.unwrap(wrapped, 64));
        expect([code, message]).to.deep.equal(['UNSUPPORTED', `${handle.name} may not unwrap`]);
        expect(hint).to.include('CKA_UNWRAP');
        expect((await handle.generate!(1, 64)).length).to.equal(72);
      });
    });

    it('does not wrap with a key that may not', async () => {
      token.addKeyWith('unwrap-only', kek, [
        [CKA.WRAP, false],
        [CKA.UNWRAP, true],
      ]);
      await withKek(token.uri('unwrap-only'), async (handle) => {
        for (const work of [handle.wrap(randomBytes(64), 64), handle.generate!(1, 64)]) {
          expect((await refusal(work)).message).to.equal(`${handle.name} may not wrap`);
        }
        expect((await handle.unwrap(wrapKeys(kek, randomBytes(64), 64), 64)).length).to.equal(64);
      });
    });

    it('has no lanes where the key does not allow AES-ECB', async () => {
      token.addKeyWith('no-ecb', kek, [
        [CKA.WRAP, true],
        [CKA.UNWRAP, true],
        [CKA.ENCRYPT, false],
      ]);
      const {code, message} = await refusal(withKek(token.uri('no-ecb', {query: '&x-lanes=aes-ecb'}), async () => {}));
      expect(code).to.equal('UNSUPPORTED');
      expect(message).to.equal('"kek": the key or its token does not allow AES-ECB, which x-lanes needs');
    });
  });

  describe('refuses', () => {
    const refused = async (uri: string) => refusal(withKek(uri, async () => {}));

    it('a wrong PIN, after one try', async () => {
      const pin = join(token.directory, 'wrong-pin');
      fs.writeFileSync(pin, '999999', {mode: 0o600});
      const uri = `pkcs11:token=officer;object=kek?module-path=${SOFTHSM}&pin-source=file:${pin}`;
      const {code, message, hint} = await refused(uri);
      expect([code, message]).to.deep.equal(['PERMISSION', 'C_Login: the PIN is wrong (CKR_PIN_INCORRECT)']);
      expect(hint).to.include('tried once');
      expect(message + hint).to.not.include('999999');
    });

    it('a token without the PIN that it needs', async () => {
      const {code, message} = await refused(`pkcs11:token=officer;object=kek?module-path=${SOFTHSM}`);
      expect([code, message]).to.deep.equal(['NO_LOGIN', '"kek": the token "officer" needs a PIN']);
    });

    it('a token that is not there, and names those that are', async () => {
      const {code, message, hint} = await refused(token.uri('kek').replace('token=officer', 'token=nobody'));
      expect([code, message]).to.deep.equal(['NO_INPUT', 'there is no such token']);
      expect(hint).to.match(/^the module has .*"officer"/);
    });

    it('a key that is not there', async () => {
      const {code, message} = await refused(token.uri('nothing'));
      expect([code, message]).to.deep.equal(['NO_INPUT', 'the token "officer" has no AES key "nothing"']);
    });

    it('a name that two keys have, unless the id tells', async () => {
      token.addKey('twice', '21', kek);
      token.addKey('twice', '22', other);
      expect((await refused(token.uri('twice'))).code).to.equal('BAD_ARGUMENT');
      await withKek(token.uri('twice', {path: ';id=%22'}), async (handle) => expect(handle.kekBytes).to.equal(16));
    });

    it('a key of 24 bytes', async () => {
      token.addKey('of-24', '23', randomBytes(24));
      const {code, message} = await refused(token.uri('of-24'));
      expect([code, message]).to.deep.equal(['BAD_INPUT', 'the key "of-24" has 24 bytes, expected 16 or 32']);
    });

    for (const path of ['/nowhere/module.so', '/etc/passwd', '/usr/lib/x86_64-linux-gnu/libz.so.1']) {
      it(`${path}, which is no module`, async () => {
        const {code, message} = await refused(token.uri('kek', {module: path}));
        expect([code, message]).to.deep.equal(['NO_INPUT', `${path} is no PKCS #11 module that can be loaded`]);
      });
    }
  });

  describe('when the token or its module', () => {
    async function faulty(fault: string, work: (kek: KekHandle) => Promise<unknown>): Promise<void> {
      const uri = token.uri('kek', {module: faultyModule(fault)}).slice('pkcs11:'.length);
      const timeoutMs = fault.endsWith(':hang') ? TIMEOUT_MS.ofOneThatHangs : TIMEOUT_MS.ofOthers;
      const limit = {timeoutMs, signal: new AbortController().signal};
      const readSecret = (spec: string, maxBytes: number, title: string) => readSecretText(spec, maxBytes, title);
      const handle = await openPkcs11(uri, {title: 'kek', limit, readSecret, readPublic: readSecret});
      try {
        await work(handle);
      } finally {
        await handle.close();
      }
    }
    const wrap = (handle: KekHandle) => handle.wrap(randomBytes(64 * 40), 64);
    const unwrap = (handle: KekHandle) => handle.unwrap(wrapKeys(kek, randomBytes(64 * 40), 64), 64);
    const generate = (handle: KekHandle) => handle.generate!(40, 64);
    const open = async () => {};

    for (const [what, fault, work, code, message] of [
      ['is full', 'C_CreateObject:35:0x31', wrap, 'LIMIT', /^C_CreateObject: the token is full \(CKR_DEVICE_MEMORY\)$/],
      ['is full of what it makes', 'C_GenerateKey:2:0x31', generate, 'LIMIT', /the token is full/],
      ['is removed', 'C_WrapKey:35:0x32', wrap, 'DEVICE_GONE', /^C_WrapKey: the token was removed/],
      ['is removed before its session', 'C_OpenSession:1:0xe0', open, 'DEVICE_GONE', /the token was removed/],
      ['has no session left', 'C_OpenSession:1:0xb1', open, 'LIMIT', /no session left \(CKR_SESSION_COUNT\)$/],
      ['ends the session', 'C_UnwrapKey:4:0xb3', unwrap, 'NO_LOGIN', /^C_UnwrapKey: the token ended the session/],
      ['logs out', 'C_WrapKey:3:logout', wrap, /^(NO_LOGIN|NO_INPUT|IO)$/, /^C_WrapKey: /],
      ['has a locked PIN', 'C_Login:1:0xa4', open, 'PERMISSION', /the PIN is locked/],
      ['fails and says no more', 'C_WrapKey:1:0x6', wrap, 'IO', /CKR_FUNCTION_FAILED/],
      ['says what is in no book', 'C_WrapKey:1:0x80001234', wrap, 'IO', /the module refused it \(0x80001234\)$/],
      ['forbids the wrap', 'C_WrapKey:1:0x68', wrap, 'PERMISSION', /CKR_KEY_FUNCTION_NOT_PERMITTED/],
      ['does not begin', 'C_Initialize:1:0x5', open, 'IO', /^C_Initialize: /],
      ['lies about a length', 'C_WrapKey:2:long', wrap, 'IO', /wrapped 64 bytes into 1099511627776, not into 72$/],
      ['crashes', 'C_WrapKey:35:crash', wrap, 'IO', /^the module .* ended its process \(SIGABRT\)$/],
      ['crashes at its start', 'C_Initialize:1:crash', open, 'IO', /ended its process \(SIGABRT\)$/],
      ['ends its process', 'C_UnwrapKey:2:exit', unwrap, 'IO', /ended its process \(status 3\)$/],
      ['hangs', 'C_WrapKey:1:hang', wrap, 'IO', /^the module .* gave no answer for 2 s$/],
      ['hangs at its login', 'C_Login:1:hang', open, 'IO', /gave no answer for 2 s$/],
    ] as const) {
      it(`${what}, there is one error, and this process goes on`, async () => {
        const result = await refusal(faulty(fault, work));
        if (typeof code === 'string') expect(result.code).to.equal(code);
        else expect(result.code).to.match(code);
        expect(result.message).to.match(message);
      });
    }

    it('lies about how many slots there are, no more are looked at than there is room for', async () => {
      await faulty('C_GetSlotList:1:long', wrap);
    });

    it('prints, nobody is told', async () => {
      await faulty('C_WrapKey:1:text', wrap);
    });
  });
});

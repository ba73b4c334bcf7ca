/** What `afalg:` says where the kernel has no AF_ALG, and what it wraps where it has: test/vm has more. */
import {randomBytes} from 'node:crypto';
import {expect} from 'chai';
import {fromHex, toHex} from '../../../src/bytes.js';
import {openKek} from '../../../src/custody/kek.js';
import {DekError} from '../../../src/errors.js';
import {forgetKeys, keyctl} from '../../support/keys/keyctl.js';
import {readVectors} from '../../support/keys/vectors.js';
import {skipWithout} from '../../support/skip.js';

describe('a KEK in the kernel, for AF_ALG', () => {
  const mark = `dek-test-${randomBytes(6).toString('hex')}`;
  after(() => forgetKeys(mark));
  const refusal = async (spec: string): Promise<string> => {
    const error = await openKek(spec).catch((error: unknown) => error);
    return error instanceof DekError ? `${error.code} ${error.message} ${error.hint}` : `${error}`;
  };

  for (const rest of ['', 'user', 'user:', 'secret:x', 'keyring:x', 'USER:x', ':x']) {
    it(`is not named by afalg:${rest}`, async () => {
      expect(await refusal(`afalg:${rest}`)).to.match(/^BAD_ARGUMENT "kek" is no name of a key in the kernel/);
    });
  }

  it('has to be there', async function () {
    skipWithout('keyrings', this);
    expect(await refusal(`afalg:logon:${mark}:none`)).to.match(/^NO_INPUT "kek" afalg:logon:.*: no such key/);
  });

  it('has to have the length of a KEK', async function () {
    skipWithout('keyrings', this);
    keyctl(['padd', 'user', `${mark}-short`, '@u'], randomBytes(24));
    expect(await refusal(`afalg:user:${mark}-short`)).to.include('has 24 bytes, expected 16 or 32');
  });

  it('wraps as RFC 3394 says, or the message names both reasons why there is no AF_ALG', async function () {
    skipWithout('keyrings', this);
    for (const {id, kek, plaintext, wrapped} of readVectors('rfc3394').vectors) {
      const spec = `afalg:logon:${mark}:${id}`;
      keyctl(['padd', 'logon', `${mark}:${id}`, '@u'], fromHex(kek, 'kek'));
      const opened = await openKek(spec).catch((error: unknown) => error);
      if (opened instanceof DekError) {
        expect(`${opened.code} ${opened.message}`).to.match(/^UNSUPPORTED .*made without it, or a unit forbids it/);
        expect(opened.hint).to.include('RestrictAddressFamilies=AF_ALG');
      } else {
        const handle = opened as Awaited<ReturnType<typeof openKek>>;
        expect(toHex(await handle.wrap(fromHex(plaintext, 'plaintext'), plaintext.length / 2))).to.equal(wrapped);
      }
    }
  });
});

import {createCipheriv} from 'node:crypto';
import {expect} from 'chai';
import fc from 'fast-check';
import {type Gcm, loadLibcryptoGcm} from '../../src/seal/ffi.js';
import {computesKnownAnswer, loadNobleGcm} from '../../src/seal/gcm.js';

const bytes = (length: number) => fc.uint8Array({minLength: length, maxLength: length});

for (const [name, load] of [
  ['libcrypto', loadLibcryptoGcm],
  ['@noble/ciphers', loadNobleGcm],
] as const) {
  describe(`AES-256-GCM of ${name}`, () => {
    const {seal, open}: Gcm = load();

    it('computes the known answer', () => expect(computesKnownAnswer({seal, open})).to.equal(true));

    it('agrees with node:crypto, and finds an altered tag', () => {
      fc.assert(
        fc.property(bytes(32), bytes(12), fc.uint8Array({maxLength: 200}), (key, nonce, plain) => {
          const cipher = createCipheriv('aes-256-gcm', key, nonce);
          const expected = Buffer.concat([cipher.update(plain), cipher.final()]);
          const data = plain.slice();
          const tag = seal(key, nonce, data);
          expect(Buffer.from(data)).to.deep.equal(expected);
          expect(Buffer.from(tag)).to.deep.equal(cipher.getAuthTag());
          expect(open(key, nonce, data, tag)).to.equal(true);
          expect(data).to.deep.equal(plain);
          tag[15]! ^= 1;
          expect(open(key, nonce, data, tag)).to.equal(false);
        }),
      );
    });
  });
}

describe('an engine that is wrong', () => {
  it('does not compute the known answer', () => {
    const {seal, open} = loadNobleGcm();
    expect(computesKnownAnswer({seal, open: () => true})).to.equal(false);
    expect(computesKnownAnswer({seal: () => new Uint8Array(16), open})).to.equal(false);
  });
});

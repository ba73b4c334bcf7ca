import {cmac as nobleCmac} from '@noble/ciphers/aes.js';
import {expect} from 'chai';
import fc from 'fast-check';
import {cmac} from '../../src/wrap/cmac.js';
import {kek} from '../support/keys/arbitrary.js';
import {bytes} from '../support/keys/vectors.js';

/** RFC 4493 section 4: the first so many bytes of one message, and what comes out. */
const RFC4493_KEY = '2b7e151628aed2a6abf7158809cf4f3c';
const RFC4493_MESSAGE =
  '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51' +
  '30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710';
const RFC4493 = [
  [0, 'bb1d6929e95937287fa37d129b756746'],
  [16, '070a16b46b4d4144f79bdd9dd04a287c'],
  [40, 'dfa66747de9ae63030ca32611497c827'],
  [64, '51f0bebf7e3b9d92fc49741779363cfe'],
] as const;

describe('cmac', () => {
  for (const [length, tag] of RFC4493) {
    it(`computes the example of RFC 4493 of ${length} bytes`, () => {
      expect(cmac(bytes(RFC4493_KEY), bytes(RFC4493_MESSAGE).subarray(0, length))).to.deep.equal(bytes(tag));
    });
  }

  it('agrees with @noble/ciphers', () => {
    fc.assert(
      fc.property(kek, fc.uint8Array({maxLength: 100}), (key, message) => {
        expect(cmac(key, message)).to.deep.equal(nobleCmac(message, key));
      }),
    );
  });
});

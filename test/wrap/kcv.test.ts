import {cmac} from '@noble/ciphers/aes.js';
import {expect} from 'chai';
import fc from 'fast-check';
import {keyCheckValue} from '../../src/wrap/kcv.js';
import {kek, refusal} from '../support/keys/arbitrary.js';
import {bytes, readVectors} from '../support/keys/vectors.js';

describe('kcv', () => {
  for (const {id, kek, kcv} of readVectors('kcv').vectors) {
    it(`computes ${id}`, () => expect(keyCheckValue(bytes(kek))).to.deep.equal(bytes(kcv)));
  }

  it('is the start of the CMAC of @noble/ciphers over a zero block', () => {
    fc.assert(
      fc.property(kek, (kek) => {
        expect(keyCheckValue(kek)).to.deep.equal(cmac(new Uint8Array(16), kek).slice(0, 5));
      }),
    );
  });

  for (const length of [0, 15, 17, 24, 33]) {
    it(`refuses a KEK of ${length} bytes`, () => {
      expect(refusal(() => keyCheckValue(new Uint8Array(length)))).to.equal('BAD_ARGUMENT');
    });
  }
});

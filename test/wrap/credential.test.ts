import {expect} from 'chai';
import fc from 'fast-check';
import {unwrapCredential, wrapCredential} from '../../src/wrap/credential.js';
import {exactly, kek, refusal} from '../support/keys/arbitrary.js';
import {bytes, readVectors} from '../support/keys/vectors.js';

const KEK = new Uint8Array(16).fill(1);

describe('credential', () => {
  const {vectors, refused} = readVectors('credential');

  for (const {id, kek, plaintext, wrapped} of vectors) {
    it(`wraps ${id}`, () => expect(wrapCredential(bytes(kek), bytes(plaintext))).to.deep.equal(bytes(wrapped)));
    it(`unwraps ${id}`, () => expect(unwrapCredential(bytes(kek), bytes(wrapped))).to.deep.equal(bytes(plaintext)));
  }

  for (const {id, kek, wrapped, error} of refused) {
    it(`refuses ${id}`, () => expect(refusal(() => unwrapCredential(bytes(kek), bytes(wrapped)))).to.equal(error));
  }

  it('round trips, and refuses any flipped bit', () => {
    fc.assert(
      fc.property(kek, exactly(40), fc.nat(8 * 48 - 1), (kek, credential, bit) => {
        const wrapped = wrapCredential(kek, credential);
        expect(unwrapCredential(kek, wrapped)).to.deep.equal(credential);
        wrapped[bit >> 3]! ^= 1 << (bit & 7);
        expect(refusal(() => unwrapCredential(kek, wrapped))).to.equal('UNWRAP_FAILED');
      }),
    );
  });

  for (const length of [0, 8, 16, 32, 39, 41, 48, 64, 72]) {
    it(`refuses a credential of ${length} bytes`, () => {
      expect(refusal(() => wrapCredential(KEK, new Uint8Array(length)))).to.equal('BAD_ARGUMENT');
    });
  }

  for (const length of [0, 24, 40, 47, 49, 56, 72, 80]) {
    it(`refuses ${length} wrapped bytes`, () => {
      expect(refusal(() => unwrapCredential(KEK, new Uint8Array(length)))).to.equal('BAD_ARGUMENT');
    });
  }
});

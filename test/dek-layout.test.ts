import {expect} from 'chai';
import {
  DEK_LAYOUTS,
  layoutOf,
  layoutOfPlaintext,
  layoutOfWrapped,
  plaintextBytes,
  wrappedBytes,
} from '../src/dek-layout.js';
import {refusal} from './support/keys/arbitrary.js';

describe('layout', () => {
  for (const layout of DEK_LAYOUTS) {
    it(`finds ${layout.keySize} bits ${layout.keytag ? 'with' : 'without'} keytag by each of its sizes`, () => {
      const {keySize, keytag} = layout;
      expect(layout.plaintextBytes).to.equal((2 * keySize) / 8 + (keytag ? 8 : 0));
      expect(wrappedBytes(layout.plaintextBytes)).to.equal(layout.wrappedBytes);
      expect(plaintextBytes(layout.wrappedBytes)).to.equal(layout.plaintextBytes);
      expect(layoutOfPlaintext(layout.plaintextBytes)).to.equal(layout);
      expect(layoutOfWrapped(layout.wrappedBytes)).to.equal(layout);
      expect(layoutOf(keySize, keytag)).to.equal(layout);
    });
  }

  it('tells 40 and 72 apart by what they are said to be', () => {
    expect(layoutOfPlaintext(40).keytag).to.equal(true);
    expect(layoutOfWrapped(40).keytag).to.equal(false);
    expect(layoutOfPlaintext(72).keytag).to.equal(true);
    expect(layoutOfWrapped(72).keytag).to.equal(false);
  });

  for (const bytes of [-8, 0, 16, 24, 31, 33, 48, 56, 80, 88, Number.NaN, Number.POSITIVE_INFINITY]) {
    it(`has no layout of ${bytes} plaintext bytes`, () => {
      expect(refusal(() => layoutOfPlaintext(bytes))).to.equal('BAD_ARGUMENT');
    });
  }

  for (const bytes of [0, 32, 39, 41, 56, 64, 81, 88, Number.NaN]) {
    it(`has no layout of ${bytes} wrapped bytes`, () => {
      expect(refusal(() => layoutOfWrapped(bytes))).to.equal('BAD_ARGUMENT');
    });
  }

  for (const bits of [0, 16, 32, 192, 512]) {
    it(`has no key size of ${bits}`, () => expect(refusal(() => layoutOf(bits, true))).to.equal('BAD_ARGUMENT'));
  }
});

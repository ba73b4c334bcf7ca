import {expect} from 'chai';
import fc from 'fast-check';
import {DekError} from '../../src/errors.js';
import {wrapKey} from '../../src/wrap/kw.js';
import {unwrapKeys, wrapKeys} from '../../src/wrap/many.js';
import {exactly, kek, refusal} from './arbitrary.js';

const KEK = new Uint8Array(16).fill(1);

describe('many', () => {
  it('wraps as wrapKey does, key by key, and back', () => {
    const keys = fc
      .constantFrom(16, 32, 40, 64, 72)
      .chain((bytes) => fc.array(exactly(bytes), {minLength: 1, maxLength: 5}));
    fc.assert(
      fc.property(kek, keys, (kek, keys) => {
        const plaintexts = new Uint8Array(Buffer.concat(keys));
        const wrapped = wrapKeys(kek, plaintexts, keys[0]!.length);
        expect(wrapped).to.deep.equal(new Uint8Array(Buffer.concat(keys.map((key) => wrapKey(kek, key)))));
        expect(unwrapKeys(kek, wrapped, keys[0]!.length)).to.deep.equal(plaintexts);
      }),
    );
  });

  it('takes no keys at all', () => {
    expect(wrapKeys(KEK, new Uint8Array(), 32)).to.deep.equal(new Uint8Array());
    expect(unwrapKeys(KEK, new Uint8Array(), 32)).to.deep.equal(new Uint8Array());
  });

  for (const index of [0, 1, 4]) {
    it(`returns nothing when key ${index} of 5 is altered, and names it`, () => {
      const wrapped = wrapKeys(KEK, new Uint8Array(5 * 32), 32);
      wrapped[index * 40 + 20]! ^= 1;
      expect(() => unwrapKeys(KEK, wrapped, 32))
        .to.throw(DekError, `integrity check failed for key ${index}`)
        .with.property('code', 'UNWRAP_FAILED');
    });
  }

  it('refuses keys that were wrapped together with others than these', () => {
    const wrapped = wrapKeys(KEK, new Uint8Array(2 * 72), 72);
    expect(refusal(() => unwrapKeys(KEK, wrapped, 32))).to.equal('UNWRAP_FAILED'); // 160 bytes are 4 keys of 40 as well
  });

  for (const plaintextBytes of [0, 8, 15, 17, -32, 4104, Number.NaN, 32.5, '32', null, undefined, 32n]) {
    it(`refuses keys of ${typeof plaintextBytes} ${plaintextBytes} bytes`, () => {
      expect(refusal(() => wrapKeys(KEK, new Uint8Array(64), plaintextBytes as number))).to.equal('BAD_ARGUMENT');
      expect(refusal(() => unwrapKeys(KEK, new Uint8Array(80), plaintextBytes as number))).to.equal('BAD_ARGUMENT');
    });
  }

  for (const length of [1, 31, 33, 63]) {
    it(`refuses ${length} bytes of keys of 32`, () => {
      expect(refusal(() => wrapKeys(KEK, new Uint8Array(length), 32))).to.equal('BAD_ARGUMENT');
      expect(refusal(() => unwrapKeys(KEK, new Uint8Array(length), 32))).to.equal('BAD_ARGUMENT');
    });
  }
});

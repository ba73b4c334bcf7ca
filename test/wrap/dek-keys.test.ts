import {expect} from 'chai';
import fc from 'fast-check';
import {DEK_LAYOUTS} from '../../src/dek-layout.js';
import {type DekKeys, splitDek, unwrapDek, wrapDek} from '../../src/wrap/dek-keys.js';
import {wrapKey} from '../../src/wrap/kw.js';
import {dek, kek, refusal} from '../support/keys/arbitrary.js';
import {bytes, readVectors} from '../support/keys/vectors.js';

const KEK = new Uint8Array(32).fill(1);

describe('dek', () => {
  const {vectors, refused} = readVectors('dek');

  for (const {id, kek, plaintext, wrapped} of vectors) {
    it(`wraps ${id}`, () => expect(wrapDek(bytes(kek), splitDek(bytes(plaintext)))).to.deep.equal(bytes(wrapped)));
    it(`unwraps ${id}`, () => {
      const {keySize, key1, key2, keytag} = unwrapDek(bytes(kek), bytes(wrapped));
      expect(key1.length).to.equal(keySize / 8);
      expect(key2.length).to.equal(keySize / 8);
      expect(keytag?.length).to.equal(id.includes('keytag') ? 8 : undefined);
      expect(Buffer.concat([key1, key2, keytag ?? new Uint8Array()])).to.deep.equal(Buffer.from(plaintext, 'hex'));
    });
  }

  for (const {id, kek, wrapped, error} of refused) {
    it(`refuses ${id}`, () => expect(refusal(() => unwrapDek(bytes(kek), bytes(wrapped)))).to.equal(error));
  }

  it('round trips', () => {
    fc.assert(
      fc.property(kek, dek, (kek, dek) => {
        const expected = {keySize: dek.key1.length * 8, ...dek};
        expect(unwrapDek(kek, wrapDek(kek, dek))).to.deep.equal(expected);
      }),
    );
  });

  for (const {keySize, keytag, wrappedBytes} of DEK_LAYOUTS) {
    it(`refuses each single flipped bit of ${wrappedBytes} wrapped bytes`, () => {
      const keys = {key1: new Uint8Array(keySize / 8).fill(2), key2: new Uint8Array(keySize / 8).fill(3)};
      const wrapped = wrapDek(KEK, keytag ? {...keys, keytag: new Uint8Array(8)} : keys);
      for (let bit = 0; bit < 8 * wrappedBytes; bit++) {
        const altered = wrapped.slice();
        altered[bit >> 3]! ^= 1 << (bit & 7);
        expect(
          refusal(() => unwrapDek(KEK, altered)),
          `bit ${bit}`,
        ).to.equal('UNWRAP_FAILED');
      }
    });
  }

  it('refuses any flipped bit of any wrapped DEK', () => {
    fc.assert(
      fc.property(kek, dek, fc.nat(), (kek, dek, at) => {
        const altered = wrapDek(kek, dek);
        const bit = at % (8 * altered.length);
        altered[bit >> 3]! ^= 1 << (bit & 7);
        expect(refusal(() => unwrapDek(kek, altered))).to.equal('UNWRAP_FAILED');
      }),
    );
  });

  it('refuses every length outside the table', () => {
    const [plaintexts, wrapped] = [
      [32, 40, 64, 72],
      [40, 48, 72, 80],
    ];
    for (let length = 0; length <= 128; length++) {
      const isPlaintext = plaintexts.includes(length);
      expect(
        refusal(() => splitDek(new Uint8Array(length))),
        `plaintext ${length}`,
      ).to.equal(isPlaintext ? 'EQUAL_KEYS' : 'BAD_ARGUMENT');
      const isWrapped = wrapped.includes(length);
      expect(
        refusal(() => unwrapDek(KEK, new Uint8Array(length))),
        `wrapped ${length}`,
      ).to.equal(isWrapped ? 'UNWRAP_FAILED' : 'BAD_ARGUMENT');
    }
  });

  for (const length of [0, 1, 8, 15, 17, 24, 31, 33, 64]) {
    it(`refuses keys of ${length} bytes`, () => {
      const [key1, key2] = [new Uint8Array(length), new Uint8Array(length).fill(1)];
      expect(refusal(() => wrapDek(KEK, {key1, key2}))).to.equal('BAD_ARGUMENT');
    });
  }

  it('refuses key1 and key2 of different lengths', () => {
    expect(refusal(() => wrapDek(KEK, {key1: new Uint8Array(16), key2: new Uint8Array(32)}))).to.equal('BAD_ARGUMENT');
    expect(refusal(() => wrapDek(KEK, {key1: new Uint8Array(32), key2: new Uint8Array(16)}))).to.equal('BAD_ARGUMENT');
  });

  for (const length of [0, 1, 7, 9, 16]) {
    it(`refuses a keytag of ${length} bytes`, () => {
      const keys = {key1: new Uint8Array(16), key2: new Uint8Array(16).fill(1), keytag: new Uint8Array(length)};
      expect(refusal(() => wrapDek(KEK, keys))).to.equal('BAD_ARGUMENT');
    });
  }

  for (const dek of [undefined, null, 'dek', 1, new Uint8Array(32)]) {
    it(`refuses ${dek === null ? 'null' : typeof dek} in place of the keys`, () => {
      expect(refusal(() => wrapDek(KEK, dek as unknown as DekKeys))).to.equal('BAD_ARGUMENT');
    });
  }

  it('takes an undefined keytag for none', () => {
    const keys = {key1: new Uint8Array(16), key2: new Uint8Array(16).fill(1)};
    expect(wrapDek(KEK, {...keys, keytag: undefined})).to.deep.equal(wrapDek(KEK, keys));
  });

  it('refuses equal keys on wrap and on unwrap', () => {
    fc.assert(
      fc.property(kek, dek, (kek, {key1, keytag}) => {
        expect(refusal(() => wrapDek(kek, {key1, key2: key1.slice(), keytag}))).to.equal('EQUAL_KEYS');
        const wrapped = wrapKey(kek, Buffer.concat([key1, key1, keytag ?? new Uint8Array()]));
        expect(refusal(() => unwrapDek(kek, wrapped))).to.equal('EQUAL_KEYS');
        const parts = unwrapDek(kek, wrapped, {allowEqualKeys: true});
        expect([parts.key1, parts.key2, parts.keytag]).to.deep.equal([key1, key1, keytag]);
      }),
    );
  });

  it('takes keys that differ in one bit', () => {
    for (const at of [0, 7, 8, 15]) {
      const key2 = new Uint8Array(16).fill(1, at, at + 1);
      expect(unwrapDek(KEK, wrapDek(KEK, {key1: new Uint8Array(16), key2})).key2).to.deep.equal(key2);
    }
  });

  it('does not alter its inputs', () => {
    const dek = {key1: new Uint8Array(16).fill(5), key2: new Uint8Array(16).fill(6), keytag: new Uint8Array(8).fill(7)};
    const wrapped = wrapDek(KEK, dek);
    const before = wrapped.slice();
    unwrapDek(KEK, wrapped);
    expect(wrapped).to.deep.equal(before);
    expect(KEK).to.deep.equal(new Uint8Array(32).fill(1));
    expect([dek.key1[0], dek.key2[15], dek.keytag[7]]).to.deep.equal([5, 6, 7]);
  });
});

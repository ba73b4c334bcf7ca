import {createCipheriv, createHash} from 'node:crypto';
import {expect} from 'chai';
import fc from 'fast-check';
import {ENGINES, withEngine} from '../../../src/wrap/aes/engine.js';
import {arrangementOf, dcvHints, dcvOfCiphertext, dcvTweak, dekCheckValue} from '../../../src/wrap/dcv/dcv.js';

const half = fc.oneof(fc.uint8Array({minLength: 16, maxLength: 16}), fc.uint8Array({minLength: 32, maxLength: 32}));
const dek = half.chain((key1) =>
  fc.record({key1: fc.constant(key1), key2: fc.uint8Array({minLength: key1.length, maxLength: key1.length})}),
);

/** AES-XTS of OpenSSL, which refuses equal keys. */
function opensslUnits(key1: Uint8Array, key2: Uint8Array): Buffer {
  const units = ([0, 1] as const).map((unit) =>
    createCipheriv(`aes-${8 * key1.length}-xts`, Buffer.concat([key1, key2]), dcvTweak(unit)).update(Buffer.alloc(512)),
  );
  return Buffer.concat(units);
}

describe('DEK check value', () => {
  it('is what OpenSSL makes of two data units, for any key', () => {
    fc.assert(
      fc.property(dek, ({key1, key2}) => {
        fc.pre(Buffer.compare(key1, key2) !== 0);
        const ciphertext = opensslUnits(key1, key2);
        const expected = createHash('sha256').update('dek-dcv-v1').update(ciphertext).digest().subarray(0, 16);
        expect(Buffer.from(dekCheckValue(Buffer.concat([key1, key2])))).to.deep.equal(expected);
        expect(Buffer.from(dcvOfCiphertext(ciphertext))).to.deep.equal(expected);
      }),
    );
  });

  it('is the same by every engine', () => {
    const key = Uint8Array.from({length: 64}, (_, i) => i);
    const values = Object.values(ENGINES).map((load) => Buffer.from(withEngine(load(), () => dekCheckValue(key))));
    expect(new Set(values.map((value) => value.toString('hex'))).size).to.equal(1);
  });

  it('does not count the keytag, and alters nothing', () => {
    const key = Uint8Array.from({length: 72}, (_, i) => i);
    const before = key.slice();
    expect(dekCheckValue(key)).to.deep.equal(dekCheckValue(key.subarray(0, 64)));
    dcvHints(key);
    expect(key).to.deep.equal(before);
  });

  it('tells a wrong arrangement from another key', () => {
    const [key1, key2] = [new Uint8Array(16).map((_, i) => i), new Uint8Array(16).map((_, i) => 100 + i)];
    const hints = dcvHints(Buffer.concat([key1, key2]));
    const of = (...halves: Uint8Array[]) => arrangementOf(dekCheckValue(Buffer.concat(halves)), hints);
    expect(of(key2, key1)).to.equal('halves-swapped');
    expect(of(key1.toReversed(), key2.toReversed())).to.equal('halves-reversed');
    expect(of(key2.toReversed(), key1.toReversed())).to.equal('halves-swapped-and-reversed');
    expect(of(key1, key1)).to.equal(undefined);
  });

  it('has a tweak that is no palindrome, and counts up', () => {
    expect(Buffer.from(dcvTweak(0)).toString()).to.equal('mlx5-dek DCV v1.');
    expect(Buffer.from(dcvTweak(1)).toString()).to.equal('nlx5-dek DCV v1.');
  });

  for (const length of [0, 31, 33, 48, 80]) {
    it(`refuses a key of ${length} bytes`, () => {
      expect(() => dekCheckValue(new Uint8Array(length))).to.throw(/"dek" expected/);
    });
  }
});

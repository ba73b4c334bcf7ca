import {expect} from 'chai';
import fc from 'fast-check';
import {fingerprint} from '../../src/agent/fingerprint.js';

const NONE = new Uint8Array();

describe('fingerprint', () => {
  it('is a safe integer above 0', () => {
    const bytes = fc.uint8Array({maxLength: 80});
    fc.assert(
      fc.property(bytes, fc.uint8Array({maxLength: 8}), (wrapped, opaque) => {
        const print = fingerprint(wrapped, opaque);
        return Number.isSafeInteger(print) && print > 0;
      }),
    );
  });

  it('differs for each bit of key and opaque', () => {
    const wrapped = new Uint8Array(80).map((_, i) => i * 37);
    const opaque = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    const seen = new Set([fingerprint(wrapped, opaque)]);
    for (const bytes of [wrapped, opaque]) {
      for (let bit = 0; bit < 8 * bytes.length; bit++) {
        bytes[bit >> 3]! ^= 1 << (bit & 7);
        seen.add(fingerprint(wrapped, opaque));
        bytes[bit >> 3]! ^= 1 << (bit & 7);
      }
    }
    expect(seen.size).to.equal(1 + 8 * 88);
  });

  it('tells where the key ends and the opaque starts', () => {
    const bytes = new Uint8Array(48).map((_, i) => i);
    expect(fingerprint(bytes, NONE)).to.not.equal(fingerprint(bytes.subarray(0, 40), bytes.subarray(40)));
  });

  it('differs among 200,000 keys that differ in a counter', () => {
    const wrapped = Buffer.alloc(40);
    const seen = new Set<number>();
    for (let i = 0; i < 200_000; i++) {
      wrapped.writeUInt32BE(i, 18);
      seen.add(fingerprint(wrapped, NONE));
    }
    expect(seen.size).to.equal(200_000);
  });
});

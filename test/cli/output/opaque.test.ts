import {expect} from 'chai';
import fc from 'fast-check';
import {toHex} from '../../../src/bytes.js';
import {formatOpaque, parseOpaque} from '../../../src/cli/output/opaque.js';
import {thrownBy} from '../../support/process/errors-thrown.js';

describe('opaque', () => {
  for (const [text, hex] of [
    ['', ''],
    ['vol-1', '766f6c2d31'],
    ['12345678', '3132333435363738'],
    ['grün', '6772c3bc6e'],
    ['hex', '686578'],
    ['hex:', ''],
    ['hex:00', '00'],
    ['hex:0123456789abcdef', '0123456789abcdef'],
    ['hex:ABCDEF', 'abcdef'],
    ['hex:0x12', '12'],
  ] as const) {
    it(`reads "${text}"`, () => {
      expect(toHex(parseOpaque(text))).to.equal(hex);
    });
  }

  for (const text of ['123456789', 'grüüün', 'hex:0', 'hex:0123456789abcdef00', 'hex:zz', 'hex:12 34']) {
    it(`refuses "${text}"`, async () => {
      const error = await thrownBy(() => parseOpaque(text));
      expect(error.code).to.equal('BAD_ARGUMENT');
      expect(error.message).to.include('--opaque');
    });
  }

  for (const [hex, text] of [
    ['0000000000000000', ''],
    ['766f6c2d31000000', 'vol-1'],
    ['3132333435363738', '12345678'],
    ['2000000000000000', ' '],
    ['6772c3bc6e000000', 'hex:6772c3bc6e000000'],
    ['3100320000000000', 'hex:3100320000000000'],
    ['310a000000000000', 'hex:310a000000000000'],
    ['1b5b324a00000000', 'hex:1b5b324a00000000'],
    // "hex:1234" as text would read as two other bytes.
    ['6865783a31323334', 'hex:6865783a31323334'],
  ] as const) {
    it(`shows ${hex} as "${text}"`, () => {
      expect(formatOpaque(hex)).to.equal(text);
    });
  }

  it('reads what it shows', () => {
    fc.assert(
      fc.property(fc.uint8Array({minLength: 8, maxLength: 8}), (bytes) => {
        const padded = new Uint8Array(8);
        padded.set(parseOpaque(formatOpaque(toHex(bytes))));
        expect(padded).to.deep.equal(bytes);
      }),
    );
  });
});

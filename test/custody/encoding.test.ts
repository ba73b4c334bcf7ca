import {expect} from 'chai';
import fc from 'fast-check';
import {decode, encode, FORMATS, type Format} from '../../src/custody/encoding.js';
import {DekError} from '../../src/errors.js';

const ascii = (text: string) => new Uint8Array(Buffer.from(text, 'latin1'));
const LENGTHS = [16, 32];
const KEY16 = ascii('\x00\x01\xff\n\r=+/zZ09aAfF');

/** The message with which `content` is refused. */
function message(content: Uint8Array, lengths: readonly number[], format?: Format): string {
  try {
    decode(content, lengths, '"kek" file:k', format);
  } catch (error) {
    if (error instanceof DekError && error.code === 'BAD_INPUT') return error.message;
    throw error;
  }
  return 'no error';
}

describe('encoding', () => {
  for (const format of FORMATS) {
    it(`reads its own ${format}, told by content and told outright`, () => {
      const bytes = fc
        .constantFrom(16, 32, 40, 48, 64, 72, 80)
        .chain((n) => fc.uint8Array({minLength: n, maxLength: n}));
      fc.assert(
        fc.property(bytes, (bytes) => {
          expect(decode(encode(bytes, format), [bytes.length], 'x', format)).to.deep.equal(bytes);
          expect(decode(encode(bytes, format), [40, 48, 72, 80, 16, 32, 64], 'x')).to.deep.equal(bytes);
        }),
      );
    });
  }

  it('writes what Buffer writes, with a line feed', () => {
    fc.assert(
      fc.property(fc.uint8Array({maxLength: 100}), (bytes) => {
        for (const format of ['hex', 'base64'] as const) {
          expect(Buffer.from(encode(bytes, format)).toString('latin1')).to.equal(
            `${Buffer.from(bytes).toString(format)}\n`,
          );
        }
        expect(encode(bytes, 'raw')).to.deep.equal(bytes);
      }),
    );
  });

  it('returns exact buffers of its own and leaves the content as it was', () => {
    for (const format of FORMATS) {
      const content = encode(KEY16, format);
      const before = content.slice();
      const decoded = decode(content, LENGTHS, 'x', format);
      expect(decoded.buffer.byteLength).to.equal(16);
      expect(decoded.buffer).to.not.equal(content.buffer);
      expect(content).to.deep.equal(before);
    }
  });

  const hex = '000102030405060708090a0b0c0d0e0f';
  for (const [what, text] of [
    ['without a line feed', hex],
    ['with a line feed', `${hex}\n`],
    ['with CR LF', `${hex}\r\n`],
    ['in capitals', hex.toUpperCase()],
    ['in lines', `${hex.slice(0, 20)}\n${hex.slice(20)}\n`],
  ] as const) {
    it(`reads hex ${what}`, () => expect(decode(ascii(text), LENGTHS, 'x')[15]).to.equal(15));
  }

  it('reads base64 in lines', () => {
    const text = Buffer.alloc(80, 7).toString('base64');
    expect(decode(ascii(`${text.slice(0, 76)}\n${text.slice(76)}\n`), [80], 'x')).to.deep.equal(
      new Uint8Array(80).fill(7),
    );
  });

  it('takes 96 hex digits for 48 bytes in hex, not for 72 in base64', () => {
    expect(decode(ascii('ab'.repeat(48)), [40, 48, 72, 80], 'x')).to.have.length(48);
    expect(decode(ascii('ab'.repeat(48)), [40, 48, 72, 80], 'x', 'base64')).to.have.length(72);
  });

  it('takes 32 hex digits for raw bytes only when told so', () => {
    expect(decode(ascii(hex), LENGTHS, 'x')).to.have.length(16);
    expect(decode(ascii(hex), LENGTHS, 'x', 'raw')).to.deep.equal(ascii(hex));
  });

  for (const [content, format, expected] of [
    ['', undefined, 'is empty'],
    ['', 'hex', 'is empty'],
    ['\x00'.repeat(24), undefined, 'holds 24 bytes'],
    ['\x00'.repeat(17), undefined, 'holds 17 bytes'],
    ['00'.repeat(24), undefined, 'holds 24 bytes in hex'],
    ['00'.repeat(24), 'hex', 'holds 24 bytes in hex'],
    [hex, 'base64', 'holds 24 bytes in base64'],
    [`${hex}0`, 'hex', 'is not hex'],
    [`0x${hex}`, 'hex', 'is not hex'],
    [`${hex.slice(0, 30)} f`, 'hex', 'is not hex'],
    ['AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', undefined, 'holds 18 bytes in hex'],
    ['////////////////////////////////////', undefined, 'holds 27 bytes in base64, or 36 raw'],
    ['AAAAAAAAAAAAAAAAAAAAAA=A', 'base64', 'is not base64'],
    ['AAAAAAAAAAAAAAAAAAAAAA', 'base64', 'is not base64'],
    ['AAAAAAAAAAAAAAAAAAAAAB==', 'base64', 'is not base64'],
    ['AAAAAAAAAAAAAAAAAAAA_w==', 'base64', 'is not base64'],
    ['=', 'base64', 'is not base64'],
    ['====', 'base64', 'is not base64'],
    ['\x00'.repeat(24), 'raw', 'holds 24 bytes'],
  ] as [string, Format | undefined, string][]) {
    it(`says "${expected}" of ${JSON.stringify(content.slice(0, 40))} as ${format ?? 'anything'}`, () => {
      expect(message(ascii(content), LENGTHS, format)).to.equal(`"kek" file:k ${expected}, expected 16 or 32`);
    });
  }
});

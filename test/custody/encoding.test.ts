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

  it('takes 64 hex digits for 32 bytes of a wrong length, not for 48 in base64', () => {
    expect(message(ascii('ab'.repeat(32)), [40, 48])).to.equal('"kek" file:k holds 32 bytes in hex, expected 40 or 48');
  });

  // Of perftest's README and programs: a byte a line, 0x and two digits; of DPDK's guide: white space anywhere between
  // bytes.
  const bytes = [...Array(16).keys()].map((i) => i * 17);
  const each = (digits: (byte: number) => string): string[] => bytes.map(digits);
  const two = (byte: number): string => byte.toString(16).padStart(2, '0');
  for (const [what, text] of [
    ['a byte a line with 0x', each((byte) => `0x${two(byte)}\n`).join('')],
    ['the same, indented, with CR LF', each((byte) => `  0x${two(byte)}\r\n`).join('')],
    ['the same in capitals', each((byte) => `0X${two(byte).toUpperCase()}\n`).join('')],
    ['one digit of a small byte', each((byte) => `0x${byte.toString(16)}\n`).join('')],
    ['a byte a line', each((byte) => `${two(byte)}\n`).join('')],
    ['bytes with spaces', ` ${each(two).join(' ')}\n`],
    ['bytes with tabs', each(two).join('\t')],
    ['one 0x before all of it', `0x${each(two).join('')}\n`],
    ['words of four bytes', each(two).join('').replace(/.{8}/g, '0x$& ')],
  ] as const) {
    it(`reads hex as others write it: ${what}`, () => {
      expect([...decode(ascii(text), LENGTHS, 'x')]).to.deep.equal(bytes);
      expect([...decode(ascii(text), LENGTHS, 'x', 'hex')]).to.deep.equal(bytes);
    });
  }

  it('takes no text for raw bytes but when told so', () => {
    const text = fc.constantFrom(16, 32).chain((n) => fc.string({minLength: n, maxLength: n, unit: 'grapheme-ascii'}));
    const withMark = fc
      .string({minLength: 13, maxLength: 13, unit: 'grapheme-ascii'})
      .map((text) => `\xef\xbb\xbf${text}`);
    const utf16 = fc
      .string({minLength: 8, maxLength: 8, unit: 'grapheme-ascii'})
      .map((text) => text.replace(/./gs, '$&\0'));
    fc.assert(
      fc.property(fc.oneof(text, withMark, utf16), (text) => {
        // What is hex or base64 of the right length is too short for raw: 16 digits are 8 or 12 bytes, 32 digits 16 or
        // 24.
        const isHex = /^[0-9a-f]{32}$/i.test(text);
        if (!isHex) expect(message(ascii(text), LENGTHS)).to.not.equal('no error');
        expect(decode(ascii(text), LENGTHS, 'x', 'raw')).to.deep.equal(ascii(text));
      }),
    );
  });

  it('says how a text that has the length of a raw key is taken as one', () => {
    const text = Buffer.alloc(24, 7).toString('base64');
    expect(() => decode(ascii(text), LENGTHS, 'x'))
      .to.throw(DekError, 'x holds 24 bytes in base64, expected 16 or 32')
      .with.property('hint', 'if its 32 characters are the key themselves, give raw as its format, or write it in hex');
    expect(() => decode(ascii(text.slice(4)), LENGTHS, 'x'))
      .to.throw(DekError)
      .with.property('hint', undefined);
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
    [`${hex}0`, 'hex', 'holds hex digits that make no whole bytes'],
    [`${hex}g`, 'hex', 'is not hex'],
    [`0x${hex}0`, 'hex', 'holds hex digits that make no whole bytes'],
    [`0x0x${hex}`, 'hex', 'is not hex'],
    [`${hex} 0x`, 'hex', 'is not hex'],
    [`${hex.slice(0, 30)} f`, 'hex', 'holds hex digits that make no whole bytes'],
    ['a\n'.repeat(32), undefined, 'holds hex digits that make no whole bytes'],
    [`\xef\xbb\xbf${hex}`, undefined, 'begins with a byte order mark'],
    [`\xef\xbb\xbf${hex}`, 'hex', 'begins with a byte order mark'],
    [`\xff\xfe${hex.replace(/./g, '$&\0')}`, undefined, 'is text in UTF-16'],
    [hex.replace(/./g, '$&\0').slice(0, 32), undefined, 'is text in UTF-16'],
    [hex.replace(/./g, '\0$&'), 'hex', 'is text in UTF-16'],
    [`\0${'\xf0'.repeat(31)}\n`, undefined, 'holds 33 bytes, the last of them a line feed'],
    ['correct horse battery staple 123', undefined, 'is base64 with spaces in it'],
    ['correct horse, battery, staple 1', undefined, 'is text, but neither hex nor base64'],
    [' '.repeat(33), undefined, 'holds 33 bytes'],
    ['{"dekManifest": 1}', undefined, 'is JSON'],
    ['{"dekManifest": 1}', 'hex', 'is JSON'],
    [hex.replace(/..(?=.)/g, '$&:'), undefined, 'is text, but neither hex nor base64'],
    ['AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA-_', undefined, 'is base64url'],
    ['AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA+/', undefined, 'is base64 without its padding, or cut off'],
    ['AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA', undefined, 'holds 18 bytes in hex'],
    ['////////////////////////////////////', undefined, 'holds 27 bytes in base64'],
    ['AAAAAAAAAAAAAAAAAAAAAA=A', 'base64', 'is not base64'],
    ['AAAAAAAAAAAAAAAAAAAAAA', 'base64', 'is base64 without its padding, or cut off'],
    ['AAAAAAAAAAAAAAAAAAAAAB==', 'base64', 'is base64 without its padding, or cut off'],
    ['AAAAAAAAAAAAAAAAAAAA_w==', 'base64', 'is base64url'],
    ['=', 'base64', 'is not base64'],
    ['====', 'base64', 'is not base64'],
    ['\x00'.repeat(24), 'raw', 'holds 24 bytes'],
  ] as [string, Format | undefined, string][]) {
    it(`says "${expected}" of ${JSON.stringify(content.slice(0, 40))} as ${format ?? 'anything'}`, () => {
      expect(message(ascii(content), LENGTHS, format)).to.equal(`"kek" file:k ${expected}, expected 16 or 32`);
    });
  }
});

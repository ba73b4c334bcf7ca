import {expect} from 'chai';
import fc from 'fast-check';
import {jsonText, printable} from '../src/printable.js';

/** What a terminal obeys, and what turns text around or breaks a line. */
const OBEYED = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u;

describe('printable', () => {
  for (const [text, shown] of [
    ['/etc/dek/manifest', '/etc/dek/manifest'],
    ['Ärger 鍵 🔑', 'Ärger 鍵 🔑'],
    ['m\x1b]0;title\x07\x1b[31m', 'm\\x1b]0;title\\x07\\x1b[31m'],
    ['m\nDEKs: 1000: 1000 READY', 'm\\nDEKs: 1000: 1000 READY'],
    ['\r\t\0\x7f', '\\r\\t\\x00\\x7f'],
    ['\u009b2J', '\\x9b2J'],
    ['\u202egpj.kek\u2066\u061c\u2028', '\\u202egpj.kek\\u2066\\u061c\\u2028'],
  ] as const) {
    it(`shows ${JSON.stringify(text)}`, () => expect(printable(text)).to.equal(shown));
  }

  it('leaves nothing that a terminal obeys, in text and in JSON, whose value stays the same', () => {
    const anything = fc.string({unit: fc.nat({max: 0x20ff}).map((code) => String.fromCharCode(code))});
    fc.assert(
      fc.property(anything, (text) => {
        expect(printable(text)).to.not.match(OBEYED);
        for (const indent of [undefined, 2]) {
          const json = jsonText({[text]: [text]}, indent);
          expect(json.replaceAll('\n', '')).to.not.match(OBEYED);
          expect(JSON.parse(json)).to.deep.equal({[text]: [text]});
        }
        expect(jsonText(text).split('\n')).to.have.length(1);
      }),
    );
  });
});

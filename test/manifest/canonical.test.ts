/** The byte-level reader says of each line what the careful parser says, or leaves it to that. */
import {expect} from 'chai';
import fc from 'fast-check';
import {viewOf} from '../../src/bytes.js';
import {parseCanonical} from '../../src/manifest/canonical.js';
import {readBase64, writeBase64} from '../../src/manifest/fields/base64.js';
import {parseEntry} from '../../src/manifest/fields/entry.js';
import {parseLines} from '../../src/manifest/parse-lines.js';
import {dekLine, text} from '../support/manifest/manifest-text.js';

const bytes = (lines: string): Uint8Array => new Uint8Array(Buffer.from(lines, 'latin1'));

/** What `parseEntry` says of a line: the DEK, or the message. */
function careful(line: string): unknown {
  try {
    return parseEntry(line, 2, 2);
  } catch (error) {
    return (error as Error).message;
  }
}

/** The same of the many-line reader. */
function batched(line: string): unknown {
  const batch = parseLines({text: bytes(`${line}\n`), first: 2, count: 1}, {version: 2});
  if (batch.faults[0]) return batch.faults[0].message;
  const [at, column] = [batch.nameAt[0]!, batch.keys[batch.layouts[0]!]!];
  const string = (from: number, length: number): string =>
    Buffer.from(batch.text.subarray(from, from + length)).toString();
  const mark = (name: string, from: number, length: number): Record<string, Uint8Array> =>
    from === 0 ? {} : {[name]: new Uint8Array(Buffer.from(string(from, 2 * length), 'hex'))};
  return {
    line: batch.lines[0],
    name: string(at, batch.nameBytes[0]!),
    keySize: column.layout.keySize,
    keytag: column.layout.keytag,
    wrapped: new Uint8Array(column.wrapped),
    opaque: new Uint8Array(Buffer.from(string(batch.opaqueAt[0]!, 2 * batch.opaqueBytes[0]!), 'hex')),
    ...mark('keytagValue', batch.keytagValueAt[0]!, 8),
    ...mark('dcv', batch.dcvAt[0]!, 16),
    ...mark('dcvHints', batch.dcvHintsAt[0]!, 6),
  };
}

describe('parseCanonical', () => {
  const good = dekLine(1, {opaque: undefined});
  const withOpaque = JSON.stringify({...JSON.parse(good), wrapped: undefined, opaque: '00ff', ...JSON.parse(good)});

  it('takes lines as they are written', () => {
    expect(parseCanonical(bytes(text(good, dekLine(2))), 2, 2)?.count).to.equal(2);
  });

  it('leaves to the careful parser what has one byte other than it would write', () => {
    const opaque = `${good.slice(0, -1).replace(',"wrapped"', ',"opaque":"00ff","wrapped"')}}`;
    expect(batched(opaque)).to.deep.equal(careful(opaque));
    const marks = '"keytagValue":"0011223344556677","dcv":"00112233445566778899aabbccddeeff","dcvHints":"001122334455"';
    const marked = opaque.replace(',"wrapped"', `,${marks},"wrapped"`);
    expect(parseCanonical(bytes(text(marked)), 1, 2)?.dcvAt[0]).to.equal(marked.indexOf('00112233445566778899'));
    expect(parseCanonical(bytes(text(marked)), 1, 1)).to.equal(null);
    for (const line of [good, opaque, withOpaque, marked]) {
      for (let at = 0; at < line.length; at++) {
        for (const other of ['"', ' ', 'A', '=', '0', '\0', '\xff', ',', '-']) {
          const altered = line.slice(0, at) + other + line.slice(at + 1);
          expect(batched(altered), altered).to.deep.equal(careful(altered));
        }
        const shorter = line.slice(0, at) + line.slice(at + 1);
        expect(batched(shorter), shorter).to.deep.equal(careful(shorter));
        const doubled = line.slice(0, at) + line[at] + line.slice(at);
        expect(batched(doubled), doubled).to.deep.equal(careful(doubled));
      }
    }
  });

  it('says null for more or fewer lines than there are', () => {
    expect(parseCanonical(bytes(text(good)), 2, 2)).to.equal(null);
    expect(parseCanonical(bytes(text(good, dekLine(2))), 1, 2)).to.equal(null);
    expect(parseCanonical(bytes(good), 1, 2)).to.equal(null);
  });

  it('names each fault among good lines, and keeps the numbers of those', () => {
    const lines = [good, '{}', dekLine(3).replace(':', ' : '), '', dekLine(5, {keySize: 128})];
    const batch = parseLines({text: bytes(text(...lines)), first: 2, count: 5}, {version: 1});
    expect([...batch.lines]).to.deep.equal([2, 4]);
    expect(batch.faults.map(({line}) => line)).to.deep.equal([3, 5, 6]);
    expect(Buffer.from(batch.text).toString()).to.equal(text(good, dekLine(3)));
  });
});

describe('base64 in place', () => {
  it('is what Buffer writes and reads', () => {
    fc.assert(
      fc.property(fc.uint8Array({minLength: 1, maxLength: 90}), fc.nat(5), (some, at) => {
        const expected = Buffer.from(some).toString('base64');
        const written = new Uint8Array(at + expected.length);
        writeBase64(viewOf(some), 0, some.length, viewOf(written), at);
        expect(Buffer.from(written.subarray(at)).toString()).to.equal(expected);
        const back = new Uint8Array(some.length);
        expect(readBase64(viewOf(written), at, viewOf(back), 0, some.length)).to.equal(true);
        expect(back).to.deep.equal(some);
      }),
    );
  });
});

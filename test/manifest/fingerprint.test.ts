/** The hash against HalfSipHash written down as its authors do; and what is taken for a duplicate. */
import {expect} from 'chai';
import fc from 'fast-check';
import {viewOf} from '../../src/bytes.js';
import {findDuplicates, newTables} from '../../src/manifest/duplicates.js';
import {hash} from '../../src/manifest/fingerprint.js';
import {FingerprintTable} from '../../src/manifest/fingerprint-table.js';

/**
 * HalfSipHash-1-3, after the authors' C (halfsiphash.c): the 64 bits of its output, and 32 more drawn in the same way.
 */
function reference(message: Uint8Array, k0: number, k1: number): number[] {
  const rotate = (x: number, by: number): number => ((x << by) | (x >>> (32 - by))) >>> 0;
  const v = [k0, k1 ^ 0xee, 0x6c796765 ^ k0, 0x74656462 ^ k1].map((x) => x >>> 0) as [number, number, number, number];
  const add = (a: 0 | 2, b: 1 | 3): void => {
    v[a] = (v[a] + v[b]) >>> 0;
  };
  const mix = (a: 1 | 3, by: number, b: 0 | 2): void => {
    v[a] = (rotate(v[a], by) ^ v[b]) >>> 0;
  };
  const sipRound = (): void => {
    add(0, 1);
    mix(1, 5, 0);
    v[0] = rotate(v[0], 16);
    add(2, 3);
    mix(3, 8, 2);
    add(0, 3);
    mix(3, 7, 0);
    add(2, 1);
    mix(1, 13, 2);
    v[2] = rotate(v[2], 16);
  };
  const padded = Buffer.alloc((message.length & ~3) + 4);
  padded.set(message);
  padded[padded.length - 1] = message.length;
  for (let at = 0; at < padded.length; at += 4) {
    const m = padded.readUInt32LE(at);
    v[3] = (v[3] ^ m) >>> 0;
    sipRound();
    v[0] = (v[0] ^ m) >>> 0;
  }
  v[2] = (v[2] ^ 0xee) >>> 0;
  return [0, 0xdd, 0xdd].map((drawn) => {
    v[1] = (v[1] ^ drawn) >>> 0;
    for (let i = 0; i < 3; i++) sipRound();
    return (v[1] ^ v[3]) | 0;
  });
}

describe('fingerprints', () => {
  it('are HalfSipHash-1-3', () => {
    fc.assert(
      fc.property(fc.uint8Array({maxLength: 130}), fc.integer(), fc.integer(), fc.nat(3), (message, k0, k1, at) => {
        const bytes = new Uint8Array(at + message.length);
        bytes.set(message, at);
        const out = new Int32Array(4);
        hash(viewOf(bytes), at, message.length, [k0, k1], out, 1);
        expect([...out]).to.deep.equal([0, ...reference(message, k0, k1)]);
      }),
    );
  });

  it('are found again in a table of any size, and in none that has others', () => {
    const words = fc.tuple(fc.integer(), fc.integer(), fc.integer());
    fc.assert(
      fc.property(fc.array(words, {maxLength: 200}), fc.nat(10), (fingerprints, expected) => {
        const seen = new FingerprintTable(expected);
        const lines = new Map<string, number>();
        for (const [i, print] of fingerprints.entries()) {
          const before = lines.get(print.join()) ?? 0;
          expect(seen.add(Int32Array.of(0, ...print), 1, i + 1)).to.equal(before);
          if (before === 0) lines.set(print.join(), i + 1);
        }
      }),
    );
  });

  it('tell a name from a key, and name the line that came first, also over two readings', () => {
    const tables = newTables();
    const first = {names: Int32Array.of(1, 1, 1, 2, 2, 2), keys: Int32Array.of(3, 3, 3, 1, 1, 1)};
    expect(findDuplicates({fingerprints: first, lines: Uint32Array.of(2, 3)}, tables)).to.deep.equal([]);
    const second = {names: Int32Array.of(2, 2, 2, 4, 4, 4), keys: Int32Array.of(9, 9, 9, 3, 3, 3)};
    const found = findDuplicates({fingerprints: second, lines: Uint32Array.of(4, 6)}, tables);
    expect(found.map(({message}) => message)).to.deep.equal([
      'line 4: name: stands in line 3 already',
      'line 6: wrapped: stands in line 2 already',
    ]);
  });
});

/** Check values of many keys at once, and by the ten lines of Python in dek-manifest(5). */
import {execFileSync} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import fs from 'node:fs';
import {expect} from 'chai';
import {toHex} from '../../../src/bytes.js';
import {DEK_LAYOUTS} from '../../../src/dek-layout.js';
import {ENGINES, withEngine} from '../../../src/wrap/aes/engine.js';
import {checkValuesOf} from '../../../src/wrap/dcv/check-values.js';
import {dcvHints, dekCheckValue} from '../../../src/wrap/dcv/dcv.js';

/** What `dekCheckValue` and `dcvHints` say of each. */
function oneByOne(plaintexts: Uint8Array, bytes: number): {dcv: string; dcvHints: string} {
  const deks = Array.from({length: plaintexts.length / bytes}, (_, i) => plaintexts.slice(i * bytes, (i + 1) * bytes));
  return {
    dcv: deks.map((dek) => toHex(dekCheckValue(dek))).join(''),
    dcvHints: deks.map((dek) => toHex(dcvHints(dek))).join(''),
  };
}

describe('check values of many keys', () => {
  for (const layout of DEK_LAYOUTS) {
    const {keySize, keytag, plaintextBytes} = layout;
    const plaintexts = new Uint8Array(randomBytes(20 * plaintextBytes));
    // One that libcrypto refuses: its key1 is its key2.
    plaintexts.fill(5, 3 * plaintextBytes, 4 * plaintextBytes);
    const expected = oneByOne(plaintexts, plaintextBytes);

    for (const load of Object.values(ENGINES)) {
      it(`of ${keySize} bits ${keytag ? 'with' : 'without'} keytag are those of each, by ${load().name}`, () => {
        const before = plaintexts.slice();
        const {dcv, dcvHints: hints} = withEngine(load(), () => checkValuesOf(plaintexts, layout));
        expect({dcv: toHex(dcv), dcvHints: toHex(hints)}).to.deep.equal(expected);
        expect(plaintexts).to.deep.equal(before);
      });
    }

    it(`of ${keySize} bits ${keytag ? 'with' : 'without'} keytag have no hints where none are asked for`, () => {
      const {dcv, dcvHints: hints} = checkValuesOf(plaintexts, layout, {hints: false});
      expect([toHex(dcv), hints.length]).to.deep.equal([expected.dcv, 0]);
    });
  }

  it('of no keys are none', () => {
    const {dcv, dcvHints: hints} = checkValuesOf(new Uint8Array(), DEK_LAYOUTS[0]!);
    expect([dcv.length, hints.length]).to.deep.equal([0, 0]);
  });
});

it('the Python of dek-manifest(5) makes the check values of vectors/dcv.json', () => {
  const page = fs.readFileSync(new URL('../../../../man/dek-manifest.5', import.meta.url), 'latin1');
  const code = /^\.Bd .*\n(import hashlib\n[\s\S]*?)^\.Ed$/m
    .exec(page)![1]!
    .replaceAll('\\-', '-')
    .replaceAll('\\&', '');
  const {vectors} = JSON.parse(fs.readFileSync(new URL('../../../../vectors/dcv.json', import.meta.url), 'utf8')) as {
    vectors: {dek: string; dcv: string}[];
  };
  const script = `${code}
import json, sys
for dek in json.load(sys.stdin):
    key = bytes.fromhex(dek)
    half = 16 if len(key) < 64 else 32
    print(dcv(key[:half], key[half:2 * half]))
`;
  // AES-XTS of OpenSSL refuses key1 == key2.
  const half = (dek: string): number => (dek.length < 128 ? 32 : 64);
  const usable = vectors.filter(({dek}) => dek.slice(0, half(dek)) !== dek.slice(half(dek), 2 * half(dek)));
  const made = execFileSync('/usr/bin/python3', ['-B', '-c', script], {
    input: JSON.stringify(usable.map(({dek}) => dek)),
    encoding: 'utf8',
  });
  expect(made.trim().split('\n')).to.deep.equal(usable.map(({dcv}) => dcv));
  expect(usable.length).to.be.above(4);
});

import {randomBytes} from 'node:crypto';
import {expect} from 'chai';
import fc from 'fast-check';
import {DekError} from '../../src/errors.js';
import {ENGINES, withEngine} from '../../src/wrap/aes/engine.js';
import {rewrapKeys, unwrapKeys, wrapKeys} from '../../src/wrap/bulk.js';
import {unwrapKey, wrapKey} from '../../src/wrap/kw.js';
import {laneKeys} from '../../src/wrap/lane.js';
import {exactly, kek, refusal} from '../support/keys/arbitrary.js';

const KEK = new Uint8Array(16).fill(1);
const OTHER = new Uint8Array(32).fill(2);
const SIZES = [16, 24, 32, 40, 64, 72, 4096];

/** The keys of `eachBytes` bytes that are concatenated in `keys`. */
function split(keys: Uint8Array, eachBytes: number): Uint8Array[] {
  return Array.from({length: keys.length / eachBytes}, (_, at) => keys.subarray(at * eachBytes, (at + 1) * eachBytes));
}

function join(keys: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(keys));
}

function random(length: number): Uint8Array {
  return new Uint8Array(randomBytes(length));
}

/** `data` at `offset` in a buffer that is larger on both sides. */
function viewAt(offset: number, data: Uint8Array): Uint8Array {
  const memory = new Uint8Array(data.length + 32).fill(0xee);
  memory.set(data, offset);
  return memory.subarray(offset, offset + data.length);
}

/** Some keys of one size. */
const keys = fc
  .constantFrom(16, 24, 32, 40, 64, 72)
  .chain((bytes) => fc.array(exactly(bytes), {minLength: 1, maxLength: 7}));

describe('bulk', () => {
  for (const [name, load] of Object.entries(ENGINES)) {
    describe(`with ${name}`, () => {
      const engine = load();

      it('wraps, unwraps and rewraps as key by key', () => {
        fc.assert(
          fc.property(kek, kek, keys, (kek, other, keys) => {
            const [plaintexts, bytes] = [join(keys), keys[0]!.length];
            withEngine(engine, () => {
              const wrapped = wrapKeys(kek, plaintexts, bytes);
              expect(wrapped).to.deep.equal(join(keys.map((key) => wrapKey(kek, key))));
              expect(unwrapKeys(kek, wrapped, bytes)).to.deep.equal(plaintexts);
              expect(rewrapKeys(kek, other, wrapped, bytes)).to.deep.equal(wrapKeys(other, plaintexts, bytes));
            });
          }),
        );
      });

      for (const bytes of [32, 40, 64, 72, 4096]) {
        const lane = laneKeys(bytes / 8);
        for (const count of [0, 1, 2, lane - 1, lane, lane + 1, 2 * lane + 3]) {
          it(`wraps, unwraps and rewraps ${count} keys of ${bytes} bytes, ${lane} of them to a lane`, () => {
            const plaintexts = random(count * bytes);
            const wrapped = withEngine(engine, () => wrapKeys(KEK, plaintexts, bytes));
            const rewrapped = withEngine(engine, () => rewrapKeys(KEK, OTHER, wrapped, bytes));
            const unwrapped = withEngine(engine, () => unwrapKeys(OTHER, rewrapped, bytes));
            expect(Buffer.compare(unwrapped, plaintexts)).to.equal(0);
            for (const [at, key] of split(wrapped, bytes + 8).entries()) {
              // Each key would take long: the ends of every lane, and some between.
              if (at % lane > 2 && at % lane < lane - 2 && at % 97 !== 0) continue;
              expect(unwrapKey(KEK, key), `key ${at}`).to.deep.equal(plaintexts.slice(at * bytes, (at + 1) * bytes));
            }
          });
        }
      }
    });
  }

  it('gives the same with each engine', () => {
    const plaintexts = random(301 * 72);
    const results = Object.values(ENGINES).map((load) => withEngine(load(), () => wrapKeys(OTHER, plaintexts, 72)));
    for (const result of results) expect(Buffer.compare(result, results[0]!)).to.equal(0);
  });

  for (const bytes of SIZES) {
    it(`has no more keys of ${bytes} bytes in a lane than a buffer holds, and an even number`, () => {
      expect(laneKeys(bytes / 8) % 2).to.equal(0);
      expect(laneKeys(bytes / 8) * 2 * bytes).to.be.within(112 * 1024, 128 * 1024);
    });
  }

  for (const offset of [1, 2, 3, 4, 5, 7, 8, 13]) {
    it(`takes views at offset ${offset}, leaves them as they are, and returns buffers of its own`, () => {
      const plaintexts = random(9 * 40);
      const view = viewAt(offset, plaintexts);
      const wrapped = wrapKeys(viewAt(offset, KEK), view, 40);
      expect(wrapped).to.deep.equal(join(split(plaintexts, 40).map((key) => wrapKey(KEK, key))));
      const wrappedView = viewAt(offset, wrapped);
      const unwrapped = unwrapKeys(viewAt(offset, KEK), wrappedView, 40);
      expect(unwrapped).to.deep.equal(plaintexts);
      const rewrapped = rewrapKeys(viewAt(offset, KEK), viewAt(offset, OTHER), wrappedView, 40);
      expect(unwrapKeys(OTHER, rewrapped, 40)).to.deep.equal(plaintexts);
      expect([view, wrappedView]).to.deep.equal([plaintexts, wrapped]);
      for (const result of [wrapped, unwrapped, rewrapped]) expect(result.buffer.byteLength).to.equal(result.length);
    });
  }

  it('takes a view of a buffer that can grow', () => {
    const buffer = new (ArrayBuffer as new (bytes: number, options: object) => ArrayBuffer)(64, {maxByteLength: 128});
    const tracking = new Uint8Array(buffer).fill(5);
    expect(wrapKeys(KEK, tracking, 32)).to.deep.equal(wrapKeys(KEK, new Uint8Array(64).fill(5), 32));
  });

  it('takes no keys at all', () => {
    expect(wrapKeys(KEK, new Uint8Array(), 32)).to.deep.equal(new Uint8Array());
    expect(unwrapKeys(KEK, new Uint8Array(), 32)).to.deep.equal(new Uint8Array());
    expect(rewrapKeys(KEK, OTHER, new Uint8Array(), 32)).to.deep.equal(new Uint8Array());
  });

  it('notices any flipped bit, in that key only', () => {
    fc.assert(
      fc.property(kek, keys, fc.nat(), (kek, keys, at) => {
        const bytes = keys[0]!.length;
        const wrapped = wrapKeys(kek, join(keys), bytes);
        const bit = at % (8 * wrapped.length);
        wrapped[bit >> 3]! ^= 1 << (bit & 7);
        const failed: number[] = [];
        const plaintexts = unwrapKeys(kek, wrapped, bytes, failed);
        const position = Math.floor(bit / 8 / (bytes + 8));
        expect(failed).to.deep.equal([position]);
        expect(plaintexts).to.deep.equal(join(keys.map((key, at) => (at === position ? new Uint8Array(bytes) : key))));
      }),
    );
  });

  describe('with keys that fail their check, in several lanes', () => {
    const bytes = 32;
    const lane = laneKeys(bytes / 8);
    const count = 3 * lane + 1;
    const bad = [0, 1, 77, lane - 1, lane, 2 * lane + 5, count - 1];
    const plaintexts = random(count * bytes);
    const altered = wrapKeys(KEK, plaintexts, bytes);
    for (const position of bad) altered[position * 40 + (position % 40)]! ^= 0x80;
    const isZero = (key: Uint8Array) => key.every((byte) => byte === 0);

    it('unwraps the others, and gives no byte of these', () => {
      const failed = [-1];
      const unwrapped = unwrapKeys(KEK, altered, bytes, failed);
      expect(failed).to.deep.equal([-1, ...bad]);
      const expected = plaintexts.slice();
      for (const position of bad) expected.fill(0, position * bytes, (position + 1) * bytes);
      expect(Buffer.compare(unwrapped, expected)).to.equal(0);
    });

    it('rewraps the others, and gives no byte of these', () => {
      const failed: number[] = [];
      const rewrapped = rewrapKeys(KEK, OTHER, altered, bytes, failed);
      expect(failed).to.deep.equal(bad);
      const zero = split(rewrapped, 40).flatMap((key, position) => (isZero(key) ? [position] : []));
      expect(zero).to.deep.equal(bad);
      const again: number[] = [];
      const unwrapped = unwrapKeys(OTHER, rewrapped, bytes, again);
      expect(again).to.deep.equal(bad);
      expect(Buffer.compare(unwrapped, unwrapKeys(KEK, altered, bytes, []))).to.equal(0);
    });

    for (const [what, call] of [
      ['unwraps', () => unwrapKeys(KEK, altered, bytes)],
      ['rewraps', () => rewrapKeys(KEK, OTHER, altered, bytes)],
    ] as const) {
      it(`${what} nothing when nobody asks which failed`, () => {
        expect(call)
          .to.throw(DekError, 'integrity check failed for key 0, and for 6 more')
          .with.property('code', 'UNWRAP_FAILED');
      });
    }

    it('fails them all under another KEK', () => {
      const failed: number[] = [];
      expect(isZero(unwrapKeys(OTHER, altered, bytes, failed))).to.equal(true);
      expect(failed).to.deep.equal(Array.from({length: count}, (_, at) => at));
    });
  });

  for (const index of [0, 1, 4]) {
    it(`names key ${index} of 5 when it alone is altered`, () => {
      const wrapped = wrapKeys(KEK, new Uint8Array(5 * 32), 32);
      wrapped[index * 40 + 20]! ^= 1;
      expect(() => unwrapKeys(KEK, wrapped, 32)).to.throw(DekError, new RegExp(`failed for key ${index}$`));
    });
  }

  it('refuses keys that were wrapped together with others than these', () => {
    const wrapped = wrapKeys(KEK, new Uint8Array(2 * 72), 72);
    expect(refusal(() => unwrapKeys(KEK, wrapped, 32))).to.equal('UNWRAP_FAILED'); // 160 bytes are 4 keys of 40 as well
  });

  for (const failed of [null, 1, '', {}, {push: () => 0}, new Int32Array(8)]) {
    it(`refuses ${Object.prototype.toString.call(failed)} for the list of those that failed`, () => {
      const list = failed as unknown as number[];
      expect(refusal(() => unwrapKeys(KEK, new Uint8Array(40), 32, list))).to.equal('BAD_ARGUMENT');
      expect(refusal(() => rewrapKeys(KEK, KEK, new Uint8Array(40), 32, list))).to.equal('BAD_ARGUMENT');
    });
  }

  for (const plaintextBytes of [0, 8, 15, 17, -32, 4104, Number.NaN, 32.5, '32', null, undefined, 32n]) {
    it(`refuses keys of ${typeof plaintextBytes} ${plaintextBytes} bytes`, () => {
      const bytes = plaintextBytes as number;
      expect(refusal(() => wrapKeys(KEK, new Uint8Array(64), bytes))).to.equal('BAD_ARGUMENT');
      expect(refusal(() => unwrapKeys(KEK, new Uint8Array(80), bytes))).to.equal('BAD_ARGUMENT');
      expect(refusal(() => rewrapKeys(KEK, KEK, new Uint8Array(80), bytes))).to.equal('BAD_ARGUMENT');
    });
  }

  it('names the number that is no length of a key', () => {
    const expected = '"plaintextBytes" expected a multiple of 8 from 16 to 4096, got 17';
    expect(() => wrapKeys(KEK, new Uint8Array(17), 17)).to.throw(DekError, expected);
  });

  for (const length of [1, 31, 33, 63]) {
    it(`refuses ${length} bytes of keys of 32`, () => {
      expect(refusal(() => wrapKeys(KEK, new Uint8Array(length), 32))).to.equal('BAD_ARGUMENT');
      expect(refusal(() => unwrapKeys(KEK, new Uint8Array(length), 32))).to.equal('BAD_ARGUMENT');
      expect(refusal(() => rewrapKeys(KEK, KEK, new Uint8Array(length), 32))).to.equal('BAD_ARGUMENT');
    });
  }
});

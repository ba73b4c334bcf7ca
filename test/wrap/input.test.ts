import {expect} from 'chai';
import {DekError} from '../../src/errors.js';
import * as wrap from '../../src/wrap/index.js';
import {refusal} from '../support/keys/arbitrary.js';

class Liar extends Uint8Array {
  override get length(): number {
    return 16;
  }
}

function detached(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  structuredClone(bytes.buffer, {transfer: [bytes.buffer]});
  return bytes;
}

/** Things that are not bytes of this thread, each of them `length` long as far as it has a length. */
function impostors(length: number): [string, unknown][] {
  return [
    ['undefined', undefined],
    ['null', null],
    ['a number', length],
    ['a string', 'k'.repeat(length)],
    ['a boolean', true],
    ['a bigint', 1n],
    ['an array', new Array(length).fill(1)],
    ['an object with a length', {length}],
    ['an ArrayBuffer', new ArrayBuffer(length)],
    ['a DataView', new DataView(new ArrayBuffer(length))],
    ['a Uint16Array', new Uint16Array(length)],
    ['an Int8Array', new Int8Array(length)],
    ['a Uint8ClampedArray', new Uint8ClampedArray(length)],
    ['a view of shared memory', new Uint8Array(new SharedArrayBuffer(length))],
    ['a detached buffer', detached(length)],
    ['an object with the prototype of Uint8Array', Object.create(Uint8Array.prototype)],
    ['a proxy of a Uint8Array', new Proxy(new Uint8Array(length), {})],
    ['a Uint8Array that lies about its length', new Liar(4)],
  ];
}

/** Genuine bytes, 7 7 7 ..., whose properties say something else, and something else each time. */
function liars(length: number): [string, Uint8Array][] {
  const filled = () => new Uint8Array(length).fill(7);
  let reads = 0;
  const changing = Object.defineProperty(filled(), 'length', {get: () => (reads++ % 2 === 0 ? length : 100_000_000)});
  const tricks = {
    byteOffset: {value: 1},
    byteLength: {value: 1},
    buffer: {value: new ArrayBuffer(length)},
    subarray: {value: () => new Uint8Array(1)},
    slice: {value: () => new Uint8Array(1)},
    constructor: {value: Array},
    [Symbol.iterator]: {value: () => [][Symbol.iterator]()},
  };
  return [
    ['a length that changes', changing],
    ['a length that is huge', Object.defineProperty(filled(), 'length', {value: 100_000_000})],
    ['a length that is no number', Object.defineProperty(filled(), 'length', {value: 'x'})],
    ['a length that throws', Object.defineProperty(filled(), 'length', {get: () => expect.fail('it was read')})],
    ['other properties that lie', Object.defineProperties(filled(), tricks)],
    ['a class whose length is 16', new Liar(length).fill(7)],
  ];
}

const KEK = new Uint8Array(16).fill(1);
const KEY1 = new Uint8Array(16).fill(2);
const KEY2 = new Uint8Array(16).fill(3);

/** Every argument of bytes that the wrap engine has: its length, and a call with it. */
const places: [string, number, (value: Uint8Array) => unknown][] = [
  ['kek of wrapKey', 16, (value) => wrap.wrapKey(value, KEY1)],
  ['plaintext of wrapKey', 16, (value) => wrap.wrapKey(KEK, value)],
  ['kek of unwrapKey', 16, (value) => wrap.unwrapKey(value, new Uint8Array(24))],
  ['wrapped of unwrapKey', 24, (value) => wrap.unwrapKey(KEK, value)],
  ['kek of wrapDek', 16, (value) => wrap.wrapDek(value, {key1: KEY1, key2: KEY2})],
  ['key1 of wrapDek', 16, (value) => wrap.wrapDek(KEK, {key1: value, key2: KEY2})],
  ['key2 of wrapDek', 16, (value) => wrap.wrapDek(KEK, {key1: KEY1, key2: value})],
  ['wrapped of unwrapDek', 40, (value) => wrap.unwrapDek(KEK, value)],
  ['plaintext of splitDek', 32, (value) => wrap.splitDek(value)],
  ['credential of wrapCredential', 40, (value) => wrap.wrapCredential(KEK, value)],
  ['wrapped of unwrapCredential', 48, (value) => wrap.unwrapCredential(KEK, value)],
  ['kek of keyCheckValue', 16, (value) => wrap.keyCheckValue(value)],
  ['kek of wrapKeys', 16, (value) => wrap.wrapKeys(value, KEY1, 16)],
  ['plaintexts of wrapKeys', 16, (value) => wrap.wrapKeys(KEK, value, 16)],
  ['kek of unwrapKeys', 16, (value) => wrap.unwrapKeys(value, new Uint8Array(24), 16)],
  ['wrapped of unwrapKeys', 24, (value) => wrap.unwrapKeys(KEK, value, 16)],
  ['from of rewrapKeys', 16, (value) => wrap.rewrapKeys(value, KEK, new Uint8Array(24), 16)],
  ['to of rewrapKeys', 16, (value) => wrap.rewrapKeys(KEK, value, wrap.wrapKey(KEK, KEY1), 16)],
  ['wrapped of rewrapKeys', 24, (value) => wrap.rewrapKeys(KEK, KEK, value, 16)],
];

describe('input of the wrap engine', () => {
  for (const [place, length, call] of places) {
    it(`refuses what is no Uint8Array as ${place}`, () => {
      for (const [what, value] of impostors(length)) {
        // No keys at all is a legal input of wrapKeys, and that is what a detached buffer holds.
        if (what === 'a detached buffer' && /^(plaintexts|wrapped) of .*Keys$/.test(place)) continue;
        expect(
          refusal(() => call(value as Uint8Array)),
          what,
        ).to.equal('BAD_ARGUMENT');
      }
    });
  }

  it('refuses what is no keytag', () => {
    for (const [what, value] of impostors(8)) {
      if (value === undefined) continue; // means: no keytag
      const call = () => wrap.wrapDek(KEK, {key1: KEY1, key2: KEY2, keytag: value as Uint8Array});
      expect(refusal(call), what).to.equal('BAD_ARGUMENT');
    }
  });

  it('takes a Buffer for the Uint8Array that it is', () => {
    expect(wrap.wrapKey(Buffer.from(KEK), Buffer.from(KEY1))).to.deep.equal(wrap.wrapKey(KEK, KEY1));
  });

  for (const [place, length, call] of places) {
    it(`goes by the true bytes of a Uint8Array that lies about itself, as ${place}`, () => {
      const outcome = (value: Uint8Array): unknown => {
        try {
          return call(value);
        } catch (error) {
          return error instanceof DekError ? error.message : error;
        }
      };
      const honest = outcome(new Uint8Array(length).fill(7));
      for (const [what, value] of liars(length)) expect(outcome(value), what).to.deep.equal(honest);
    });
  }

  it('goes by the true bytes of a keytag that lies about itself', () => {
    const dek = (keytag: Uint8Array) => wrap.wrapDek(KEK, {key1: KEY1, key2: KEY2, keytag});
    for (const [what, value] of liars(8)) expect(dek(value), what).to.deep.equal(dek(new Uint8Array(8).fill(7)));
  });

  it('sees shared memory behind a property that hides it', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(16));
    Object.defineProperty(shared, 'buffer', {value: new ArrayBuffer(16)});
    expect(() => wrap.keyCheckValue(shared)).to.throw(DekError, 'lies in shared memory');
  });

  it('checks a KEK that is detached while the DEK is read', () => {
    const kek = new Uint8Array(16);
    const dek = {
      get key1() {
        structuredClone(kek.buffer, {transfer: [kek.buffer]});
        return KEY1;
      },
      key2: KEY2,
    };
    expect(() => wrap.wrapDek(kek, dek)).to.throw(
      DekError,
      '"kek" expected Uint8Array of length 16 or 32, got length=0',
    );
  });

  it('never repeats a value in a message', () => {
    const value = 'f00d'.repeat(8);
    expect(() => wrap.wrapKey(value as unknown as Uint8Array, KEY1)).to.throw(
      '"kek" expected Uint8Array of length 16 or 32, got type=string',
    );
    expect(() => wrap.wrapKey(new Uint8Array(24), KEY1)).to.throw(
      '"kek" expected Uint8Array of length 16 or 32, got length=24',
    );
  });
});

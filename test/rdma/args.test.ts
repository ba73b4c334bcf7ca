import {expect} from 'chai';
import {DekError} from '../../src/errors.js';
import {assertObject, copyBytes} from '../../src/rdma/args.js';

function refused(value: unknown): string {
  const target = new Uint8Array(64).fill(7);
  try {
    copyBytes(target, 8, value, [40, 48], 'key');
  } catch (error) {
    expect(error).to.be.instanceOf(DekError).with.property('code', 'BAD_ARGUMENT');
    expect(target).to.deep.equal(new Uint8Array(64).fill(7));
    return (error as DekError).message;
  }
  throw new Error('no error');
}

describe('copyBytes', () => {
  it('copies a Uint8Array or a Buffer to its offset', () => {
    for (const value of [new Uint8Array(40).fill(1), Buffer.alloc(40, 1)]) {
      const target = new Uint8Array(64);
      copyBytes(target, 8, value, [40], 'key');
      expect(target).to.deep.equal(Uint8Array.from({length: 64}, (_, i) => (i >= 8 && i < 48 ? 1 : 0)));
    }
  });

  it('says what it expected and what it got', () => {
    expect(refused(new Uint8Array(41))).to.equal('"key" expected Uint8Array of length 40 or 48, got length=41');
    expect(refused(null)).to.equal('"key" expected Uint8Array of length 40 or 48, got type=null');
  });

  const wrong: [string, unknown][] = [
    ['undefined', undefined],
    ['a string', 'x'.repeat(40)],
    ['an array', new Array(40).fill(1)],
    ['an ArrayBuffer', new ArrayBuffer(40)],
    ['a DataView', new DataView(new ArrayBuffer(40))],
    ['a Uint16Array of 40 bytes', new Uint16Array(20)],
    ['a Uint8ClampedArray', new Uint8ClampedArray(40)],
    ['an object with a length', {length: 40}],
    ['an object with the prototype of Uint8Array', Object.create(Uint8Array.prototype)],
    ['a proxy of a Uint8Array', new Proxy(new Uint8Array(40), {})],
    ['a bigint', 40n],
  ];
  for (const [title, value] of wrong) it(`refuses ${title}`, () => void refused(value));

  it('refuses a Uint8Array that lies about its length', () => {
    const liar = new Uint8Array(1000);
    Object.defineProperty(liar, 'length', {value: 40});
    expect(refused(liar)).to.contain('length=1000');
  });

  it('refuses a detached buffer', () => {
    const value = new Uint8Array(40);
    structuredClone(value.buffer, {transfer: [value.buffer]});
    expect(refused(value)).to.contain('length=0');
  });

  it('refuses a view that a resize put out of bounds', () => {
    // Node 20 has resizable buffers, which TypeScript's es2023 does not list.
    const buffer = Reflect.construct(ArrayBuffer, [40, {maxByteLength: 80}]) as ArrayBuffer & {
      resize(length: number): void;
    };
    const value = new Uint8Array(buffer, 0, 40);
    buffer.resize(16);
    expect(refused(value)).to.contain('length=0');
  });

  it('refuses shared memory, which others may change', () => {
    expect(refused(new Uint8Array(new SharedArrayBuffer(40)))).to.contain('shared memory');
  });
});

describe('assertObject', () => {
  for (const value of [undefined, null, 1, 'x', true]) {
    it(`refuses ${value === null ? 'null' : typeof value}`, () => {
      expect(() => assertObject(value, 'options')).to.throw(DekError, '"options" expected an object');
    });
  }
});

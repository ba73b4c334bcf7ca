import {expect} from 'chai';
import {hideKey, viewBytes} from '../src/bytes.js';
import {DekError} from '../src/errors.js';

describe('viewBytes', () => {
  it('is a plain view of the same memory', () => {
    const value = Buffer.from(new Uint8Array([0, 1, 2, 3, 4]).buffer, 1, 3);
    const view = viewBytes(value, [3], 'x');
    expect(Object.getPrototypeOf(view)).to.equal(Uint8Array.prototype);
    expect([...view]).to.deep.equal([1, 2, 3]);
    view[0] = 9;
    expect(value[0]).to.equal(9);
  });

  for (const [what, value, lengths, message] of [
    ['another length', new Uint8Array(3), [0, 2], '"x" expected Uint8Array of length 0 or 2, got length=3'],
    [
      'none of a range',
      new Uint8Array(9),
      {min: 0, max: 8, step: 1},
      '"x" expected Uint8Array of 0 to 8 bytes, got length=9',
    ],
    [
      'no multiple',
      new Uint8Array(9),
      {min: 8, max: 16, step: 8},
      '"x" expected Uint8Array of 8 to 16 bytes, a multiple of 8, got length=9',
    ],
    ['null', null, [0], '"x" expected Uint8Array of length 0, got type=null'],
    ['a proxy', new Proxy(new Uint8Array(2), {}), [2], '"x" expected Uint8Array of length 2, got type=object'],
    [
      'shared memory',
      new Uint8Array(new SharedArrayBuffer(2)),
      [2],
      '"x" lies in shared memory, where another thread can change it',
    ],
  ] as [string, unknown, Parameters<typeof viewBytes>[1], string][]) {
    it(`refuses ${what}`, () => {
      expect(() => viewBytes(value, lengths, 'x'))
        .to.throw(DekError, message)
        .with.property('code', 'BAD_ARGUMENT');
    });
  }

  for (const [what, value] of [
    ['undefined', undefined],
    ['a string', 'x'.repeat(40)],
    ['an array', new Array(40).fill(1)],
    ['an ArrayBuffer', new ArrayBuffer(40)],
    ['a DataView', new DataView(new ArrayBuffer(40))],
    ['a Uint16Array of 40 bytes', new Uint16Array(20)],
    ['a Uint8ClampedArray', new Uint8ClampedArray(40)],
    ['an object with a length', {length: 40}],
    ['an object with the prototype of Uint8Array', Object.create(Uint8Array.prototype)],
    ['a bigint', 40n],
  ] as [string, unknown][]) {
    it(`refuses ${what}`, () => {
      expect(() => viewBytes(value, [40, 48], 'x'))
        .to.throw(DekError, '"x" expected Uint8Array of length 40 or 48')
        .with.property('code', 'BAD_ARGUMENT');
    });
  }

  it('refuses a Uint8Array that lies about its length', () => {
    const liar = new Uint8Array(1000);
    Object.defineProperty(liar, 'length', {value: 40});
    expect(() => viewBytes(liar, [40], 'x')).to.throw(DekError, 'length=1000');
  });

  it('refuses a view that a resize put out of bounds', () => {
    // Node 20 has resizable buffers, which TypeScript's es2023 does not list.
    const buffer = Reflect.construct(ArrayBuffer, [40, {maxByteLength: 80}]) as ArrayBuffer & {
      resize(length: number): void;
    };
    const value = new Uint8Array(buffer, 0, 40);
    buffer.resize(16);
    expect(() => viewBytes(value, [40], 'x')).to.throw(DekError, 'length=0');
  });

  it('takes what is empty, also when its buffer is detached', () => {
    const detached = new Uint8Array(4);
    structuredClone(detached.buffer, {transfer: [detached.buffer]});
    expect(viewBytes(detached, [0, 4], 'x')).to.have.length(0);
  });
});

describe('hideKey', () => {
  const base64 = Buffer.from('00112233445566778899aabbccddeeff', 'hex').toString('base64');
  const keys = [
    '0'.repeat(32),
    'fF09'.repeat(16),
    `0x${'fF09'.repeat(8)}`,
    `${'aB3/'.repeat(10)}aB+=`,
    `${'aB-_'.repeat(8)}==`,
  ];
  for (const text of [...keys, base64, base64.slice(0, -2)]) {
    it(`hides ${text.length} characters that may be a key`, () => {
      expect(hideKey(text)).to.equal(`(${text.length} characters, not shown: they may be a key)`);
    });
  }
  for (const text of [
    '',
    '0'.repeat(31),
    '/var/lib/dek/volumes/volume-0001.dek',
    `.${'a'.repeat(40)}`,
    '/srv/storage/cluster-a/manifests/all',
  ]) {
    it(`shows "${text}"`, () => {
      expect(hideKey(text)).to.equal(text);
    });
  }
});

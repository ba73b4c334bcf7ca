/** TTLV: the examples of the specification, and what is none. */
import {expect} from 'chai';
import {DekError} from '../../src/errors.js';
import {parseAttributes} from '../../src/kmip/attributes.js';
import {parseResponse} from '../../src/kmip/message.js';
import {OPERATION, TAG} from '../../src/kmip/tags.js';
import {
  byteString,
  decode,
  encode,
  enumeration,
  type Item,
  integer,
  structure,
  TYPE,
  text,
} from '../../src/kmip/ttlv.js';
import {wrappedKeyIn} from '../../src/kmip/wrapped-key.js';
import {bytes} from '../support/keys/vectors.js';

/** How many inputs are tried; the issue asks for 10^6, which SLOW=1 does. */
const FUZZ = process.env['SLOW'] ? 1_000_000 : 20_000;
const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));

/** Specification 1.4, section 9.1.2. */
const EXAMPLES: readonly (readonly [hex: string, item: Item])[] = [
  ['42002002000000040000000800000000', integer(0x420020, 8)],
  ['420020030000000801b69b4ba5749200', {tag: 0x420020, type: TYPE.longInteger, value: 123456789000000000n}],
  [
    '42002004000000100000000003fd35eb6bc2df4618080000',
    {tag: 0x420020, type: TYPE.bigInteger, value: bytes('0000000003fd35eb6bc2df4618080000')},
  ],
  ['4200200500000004000000ff00000000', enumeration(0x420020, 255)],
  ['42002006000000080000000000000001', {tag: 0x420020, type: TYPE.boolean, value: true}],
  ['420020070000000b48656c6c6f20576f726c640000000000', text(0x420020, 'Hello World')],
  ['42002008000000030102030000000000', byteString(0x420020, bytes('010203'))],
  ['42002009000000080000000047da67f8', {tag: 0x420020, type: TYPE.dateTime, value: 0x47da67f8n}],
  ['4200200a00000004000d2f0000000000', {tag: 0x420020, type: TYPE.interval, value: 864000}],
  [
    '42002001000000204200040500000004000000fe000000004200050200000004000000ff00000000',
    structure(0x420020, enumeration(0x420004, 254), integer(0x420005, 255)),
  ],
];

describe('TTLV', () => {
  for (const [hex, item] of EXAMPLES) {
    it(`reads and writes ${hex}`, () => {
      expect(decode(bytes(hex))).to.deep.equal(item);
      expect(Buffer.from(encode(item)).toString('hex')).to.equal(hex);
    });
  }

  for (const [what, hex, message] of [
    ['an item that is cut off', '420020020000000400000008', 'a length is longer than what there is'],
    ['nothing', '', 'an item is cut off'],
    ['a length that is longer than all', '42002008fffffff00102030000000000', 'a length is longer than what there is'],
    [
      'a length that is longer than its parent',
      '42002001000000104200040500000014000000fe00000000',
      'a length is longer than what there is',
    ],
    ['a part in a structure that is cut off', '42002001000000044200040500000000', 'an item is cut off'],
    ['an integer of 8 bytes', '42002002000000080000000800000000', 'a value has a length that its type has not'],
    ['a long of 4 bytes', '42002003000000040000000800000000', 'a value has a length that its type has not'],
    ['a boolean that is 2', '42002006000000080000000000000002', 'a boolean is neither true nor false'],
    ['padding that is not zero', '42002002000000040000000800000001', 'its padding is not zero'],
    ['a type that is none', '4200200b000000040000000800000000', 'a type is none'],
    ['a tag that is none', '41002002000000040000000800000000', 'a tag is none'],
    ['text that is not UTF-8', '4200200700000001ff00000000000000', 'a text is not UTF-8'],
    ['bytes behind its end', '420020020000000400000008000000000000000000000000', 'bytes follow its end'],
    [
      'structures without end',
      Array.from({length: 20}, (_, i) => `42002001${(8 * (19 - i)).toString(16).padStart(8, '0')}`).join(''),
      'it is too deep',
    ],
  ] as const) {
    it(`refuses ${what}`, () => {
      try {
        decode(bytes(hex));
      } catch (error) {
        const {code, message: got} = error as DekError;
        expect([code, got]).to.deep.equal(['BAD_INPUT', `answered what is not TTLV: ${message}`]);
        return;
      }
      expect.fail('it was read');
    });
  }

  it(`reads ${FUZZ} inputs without harm (SEED=${SEED})`, () => {
    const random = randomOf(SEED);
    let taken = 0;
    for (let i = 0; i < FUZZ; i++) {
      const input = mutated(random);
      try {
        const item = decode(input);
        taken++;
        // What is read is written as it was; and is an answer, or is not.
        answerIn(input);
        expect(Buffer.compare(encode(item), input), `seed ${SEED}, input ${i}`).to.equal(0);
      } catch (error) {
        if (error instanceof DekError && error.code === 'BAD_INPUT') continue;
        throw new Error(`seed ${SEED}, input ${i}: ${Buffer.from(input).toString('hex')}`, {cause: error});
      }
    }
    expect(taken).to.be.above(FUZZ / 100);
  });
});

/** Takes `input` for a response, and looks for all that is ever looked for in one. */
function answerIn(input: Uint8Array): void {
  try {
    const payload = parseResponse(input, OPERATION.get);
    parseAttributes(payload);
    wrappedKeyIn(payload, 'kek');
  } catch (error) {
    if (!(error instanceof DekError)) throw error;
  }
}

/** Numbers below a bound: xorshift32. */
function randomOf(seed: number): (below: number) => number {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/** A tree of items with some bytes changed, cut off or put in; seldom none, seldom all. */
function mutated(random: (below: number) => number): Uint8Array {
  let input: Uint8Array = encode(random(2) === 0 ? tree(random, 0) : response(random));
  for (let n = random(4); n > 0; n--) {
    const at = random(input.length + 1);
    const how = random(4);
    if (how === 0 && at < input.length) input[at] = random(256);
    else if (how === 1) input = input.slice(0, at);
    else if (how === 2)
      input = Buffer.concat([input.subarray(0, at), Buffer.alloc(random(9), random(256)), input.subarray(at)]);
    else if (at + 8 <= input.length) new DataView(input.buffer, input.byteOffset).setUint32(at & ~7, random(2 ** 32));
  }
  return input.slice();
}

/** The answer to a Get, with some of its items left out, or others in their place. */
function response(random: (below: number) => number): Item {
  const some = (...items: Item[]) =>
    items.flatMap((item) => (random(12) === 0 ? tree(random, 1) : random(12) === 0 ? [] : item));
  const wrapping = structure(
    TAG.keyWrappingData,
    ...some(enumeration(TAG.wrappingMethod, 1), enumeration(TAG.encodingOption, 1)),
    structure(
      TAG.encryptionKeyInformation,
      ...some(text(TAG.uniqueIdentifier, 'kek')),
      structure(TAG.cryptographicParameters, ...some(enumeration(TAG.blockCipherMode, 13))),
    ),
  );
  const value = structure(TAG.keyValue, ...some(byteString(TAG.keyMaterial, new Uint8Array(72))));
  const block = structure(TAG.keyBlock, ...some(enumeration(TAG.keyFormatType, 1), value, wrapping));
  const payload = structure(
    TAG.responsePayload,
    ...some(enumeration(TAG.objectType, 2), text(TAG.uniqueIdentifier, '7'), structure(TAG.symmetricKey, block)),
  );
  return structure(
    TAG.responseMessage,
    structure(TAG.responseHeader, ...some(integer(TAG.batchCount, 1))),
    structure(TAG.batchItem, ...some(enumeration(TAG.operation, 10), enumeration(TAG.resultStatus, 0), payload)),
  );
}

function tree(random: (below: number) => number, depth: number): Item {
  const tag = 0x420000 + random(0x200);
  const kinds: (() => Item)[] = [
    () => integer(tag, random(2 ** 32) | 0),
    () => enumeration(tag, random(2 ** 32)),
    () => text(tag, 'é'.repeat(random(9))),
    () =>
      byteString(
        tag,
        new Uint8Array(random(40)).map(() => random(256)),
      ),
    () => ({tag, type: TYPE.boolean, value: random(2) === 1}),
    () => ({tag, type: TYPE.dateTime, value: BigInt(random(2 ** 32))}),
    () => structure(tag, ...Array.from({length: depth < 4 ? random(5) : 0}, () => tree(random, depth + 1))),
  ];
  return kinds[depth === 0 ? 6 : random(kinds.length)]!();
}

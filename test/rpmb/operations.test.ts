import {randomBytes} from 'node:crypto';
import {expect} from 'chai';
import {DekError} from '../../src/errors.js';
import {getCapacity, getWriteCount, programKey, readBlocks, writeBlocks} from '../../src/rpmb/operations.js';
import {FakeRpmb, type Lie} from '../support/keys/fake-rpmb.js';

const KEY = new Uint8Array(randomBytes(32));
const BLOCK = new Uint8Array(randomBytes(256));

describe('the operations of an RPMB', () => {
  let rpmb: FakeRpmb;
  beforeEach(() => {
    rpmb = new FakeRpmb();
    programKey(rpmb, KEY);
  });
  const refusal = (use: () => unknown): string => {
    try {
      use();
    } catch (error) {
      if (error instanceof DekError) return `${error.code} ${error.message}`;
      throw error;
    }
    return 'nothing is refused';
  };

  it('tells its size', () => {
    expect(getCapacity(rpmb)).to.equal(16 * 256);
  });

  it('programs a key, and counts from 0', () => {
    expect(rpmb.key).to.deep.equal(Buffer.from(KEY));
    expect(getWriteCount(rpmb, KEY)).to.deep.equal({count: 0, isExpired: false, isAuthentic: true});
  });

  it('tells of no key, with and without one', () => {
    const empty = new FakeRpmb();
    const none = {count: null, isExpired: false, isAuthentic: false};
    expect(getWriteCount(empty)).to.deep.equal(none);
    expect(getWriteCount(empty, KEY)).to.deep.equal(none);
    expect(refusal(() => writeBlocks(empty, KEY, 0, BLOCK))).to.match(/^NOT_READY .*7, no key is programmed/);
    expect(refusal(() => readBlocks(empty, KEY, 0, 1))).to.match(/^NOT_READY .*7, no key is programmed/);
    expect(empty.requests.some((request) => request.readUInt16BE(510) === 3)).to.equal(false);
  });

  it('programs no second key, and does not even try', () => {
    const asked = rpmb.requests.length;
    expect(refusal(() => programKey(rpmb, randomBytes(32)))).to.match(/^EXISTS .*has a key already/);
    expect(rpmb.requests.slice(asked).map((request) => request.readUInt16BE(510))).to.deep.equal([2]);
  });

  it('finds a memory out that says "done" and has another key', () => {
    const empty = new FakeRpmb();
    empty.lie = (answer, request) => {
      if (request.readUInt16BE(510) === 1) empty.key = randomBytes(32);
      else if (empty.key) empty.sign(answer);
    };
    expect(refusal(() => programKey(empty, KEY))).to.match(/^UNWRAP_FAILED .*not signed with this key/);
  });

  it('writes block by block, and reads them in one message', () => {
    const data = new Uint8Array(randomBytes(5 * 256));
    expect(writeBlocks(rpmb, KEY, 3, data)).to.equal(5);
    expect(rpmb.data.subarray(3 * 256, 8 * 256)).to.deep.equal(Buffer.from(data));
    expect(readBlocks(rpmb, KEY, 3, 5)).to.deep.equal(data);
    expect(rpmb.answers.at(-1)).to.have.length(5 * 512);
  });

  for (const [address, blocks] of [
    [16, 1],
    [15, 2],
    [-1, 1],
    [0, 0],
    [0.5, 1],
  ] as const) {
    it(`asks for no ${blocks} blocks from ${address} on, of 16`, () => {
      const asked = rpmb.requests.length;
      expect(refusal(() => readBlocks(rpmb, KEY, address, blocks))).to.match(/^BAD_ARGUMENT/);
      expect(refusal(() => writeBlocks(rpmb, KEY, address, new Uint8Array(blocks * 256)))).to.match(/^BAD_ARGUMENT/);
      expect(rpmb.requests).to.have.length(asked);
    });
  }

  it('is refused by another key, and has written nothing', () => {
    const other = randomBytes(32);
    for (const use of [
      () => getWriteCount(rpmb, other),
      () => readBlocks(rpmb, other, 0, 2),
      () => writeBlocks(rpmb, other, 0, BLOCK),
    ]) {
      expect(refusal(use)).to.match(/^UNWRAP_FAILED the answer of fake is not signed with this key/);
    }
    expect(rpmb.data.equals(Buffer.alloc(16 * 256))).to.equal(true);
  });

  describe('believe no answer', () => {
    const operations: Record<string, () => unknown> = {
      'the counter': () => getWriteCount(rpmb, KEY),
      'a read': () => readBlocks(rpmb, KEY, 1, 2),
      'a write': () => writeBlocks(rpmb, KEY, 1, BLOCK),
    };
    /** The answer of this kind of request, changed and signed again, or not. */
    const lies: Record<string, {lie: Lie; says: RegExp; of?: string[]}> = {
      'with a byte of data changed': {lie: (answer) => flip(answer, 300), says: /not signed/},
      'with a byte of its MAC changed': {lie: (answer) => flip(answer, answer.length - 300), says: /not signed/},
      'with its result set to done': {
        lie: (answer) => answer.writeUInt16BE(1, answer.length - 4),
        says: /not signed with this key; it says: 1, general failure/,
      },
      'to another request, though signed': {
        lie: (answer) => {
          answer.writeUInt16BE(0x0500, answer.length - 2);
          rpmb.sign(answer);
        },
        says: /to request 5/,
      },
      'with another nonce, though signed': {
        lie: (answer) => {
          for (let at = 484; at < answer.length; at += 512) answer[at]! ^= 1;
          rpmb.sign(answer);
        },
        says: /an older question: its nonce/,
        of: ['the counter', 'a read'],
      },
      'with another counter, though signed': {
        lie: (answer) => {
          answer.writeUInt32BE(answer.readUInt32BE(500) + 1, 500);
          rpmb.sign(answer);
        },
        says: /of another write: counter 2/,
        of: ['a write'],
      },
      'of another block, though signed': {
        lie: (answer) => {
          for (let at = 504; at < answer.length; at += 512) answer.writeUInt16BE(9, at);
          rpmb.sign(answer);
        },
        says: /block 9/,
        of: ['a read', 'a write'],
      },
    };
    const types: Record<string, number> = {'the counter': 2, 'a write': 3, 'a read': 4};
    for (const [what, use] of Object.entries(operations)) {
      for (const [how, {lie, says, of}] of Object.entries(lies)) {
        if (of && !of.includes(what)) continue;
        it(`to ${what} ${how}`, () => {
          rpmb.lie = (answer, request) => {
            if (request.readUInt16BE(510) === types[what]) lie(answer, request);
          };
          expect(refusal(use)).to.match(says);
        });
      }

      it(`to ${what} that is an old one, played again`, () => {
        use();
        const old = rpmb.answers.findLast((answer) => answer.readUInt16BE(510) === types[what]! << 8)!;
        rpmb.lie = (answer, request) => {
          if (request.readUInt16BE(510) === types[what]) old.copy(answer);
        };
        expect(refusal(use)).to.match(/^UNWRAP_FAILED fake gave the answer (to an older question|of another write)/);
      });
    }
  });

  for (const [result, code, words] of [
    [1, 'REFUSED', 'general failure'],
    [3, 'REFUSED', 'the write counter is another'],
    [4, 'BAD_ARGUMENT', 'there is no such block'],
    [5, 'REFUSED', 'cannot be written'],
    [0x85, 'LIMIT', 'has expired'],
    [9, 'REFUSED', 'unknown'],
  ] as const) {
    it(`says what result ${result} of a write is`, () => {
      rpmb.lie = (answer, request) => {
        if (request.readUInt16BE(510) !== 3) return;
        answer.writeUInt16BE(result, 508);
        rpmb.sign(answer);
      };
      expect(refusal(() => writeBlocks(rpmb, KEY, 0, BLOCK))).to.match(new RegExp(`^${code} .*${words}`));
    });
  }

  it('can be read, and not be written, when the counter has expired', () => {
    writeBlocks(rpmb, KEY, 0, BLOCK);
    rpmb.lie = (answer) => {
      for (let at = 508; at < answer.length; at += 512) answer.writeUInt16BE(0x80, at);
      rpmb.sign(answer);
    };
    expect(getWriteCount(rpmb, KEY)).to.deep.equal({count: 1, isExpired: true, isAuthentic: true});
    expect(readBlocks(rpmb, KEY, 0, 1)).to.deep.equal(BLOCK);
    const asked = rpmb.requests.length;
    expect(refusal(() => writeBlocks(rpmb, KEY, 0, BLOCK))).to.match(/^LIMIT .*expired: it can only be read/);
    expect(rpmb.requests).to.have.length(asked + 1);
  });
});

function flip(bytes: Buffer, at: number): void {
  bytes[at]! ^= 1;
}

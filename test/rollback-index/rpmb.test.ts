import {randomBytes} from 'node:crypto';
import {expect} from 'chai';
import {DekError} from '../../src/errors.js';
import {RollbackIndex} from '../../src/rollback-index/rollback-index.js';
import {rpmbStore, storeOf} from '../../src/rollback-index/rpmb.js';
import {programKey} from '../../src/rpmb/operations.js';
import {FakeRpmb} from '../support/keys/fake-rpmb.js';

const KEY = randomBytes(32);
const LIMIT = {timeoutMs: 10_000, signal: new AbortController().signal};

describe('a rollback index in an RPMB', () => {
  let rpmb: FakeRpmb;
  let index: RollbackIndex;
  const entry = (generation: number) => ({
    id: new Uint8Array(16).fill(7),
    generation,
    digest: new Uint8Array(32).fill(generation),
  });
  const place = (key = KEY) => ({
    name: 'rpmb:fake',
    address: 3,
    open: () => rpmb,
    key: async () => new Uint8Array(key),
  });
  const refusal = async (action: Promise<unknown>): Promise<string> => {
    const error = await action.then(
      () => 'nothing is refused',
      (error: unknown) => error,
    );
    return error instanceof DekError ? `${error.code} ${error.message}` : `${error}`;
  };
  beforeEach(() => {
    rpmb = new FakeRpmb();
    programKey(rpmb, KEY);
    index = new RollbackIndex(rpmbStore(place()));
  });

  it('is empty before the first, and has the last', async () => {
    expect(await index.read(LIMIT)).to.equal(null);
    await index.enroll(entry(4), false, LIMIT);
    await index.write(entry(5), LIMIT);
    expect(await index.read(LIMIT)).to.deep.equal(entry(5));
  });

  it('goes back by no agent, and by a person who means it', async () => {
    await index.enroll(entry(5), false, LIMIT);
    expect(await refusal(index.write(entry(4), LIMIT))).to.match(/^ROLLED_BACK .* has generation 5, later than 4/);
    expect(await index.read(LIMIT)).to.deep.equal(entry(5));
    await index.enroll(entry(4), true, LIMIT);
    expect(await index.read(LIMIT)).to.deep.equal(entry(4));
  });

  it('is one block, written in one message, and only when it changes', async () => {
    await index.enroll(entry(4), false, LIMIT);
    await index.write(entry(4), LIMIT);
    expect(rpmb.requests.filter((request) => request.readUInt16BE(510) === 3)).to.have.length(1);
    expect(rpmb.counter).to.equal(1);
    expect(rpmb.data.toString('latin1', 768, 782)).to.equal('dek-rollback-1');
    expect(rpmb.data.subarray(0, 768).equals(Buffer.alloc(768))).to.equal(true);
  });

  it('is not set back by a memory that answers with what it had before', async () => {
    await index.enroll(entry(4), false, LIMIT);
    await index.read(LIMIT);
    const old = rpmb.answers.at(-1)!;
    await index.write(entry(5), LIMIT);
    rpmb.lie = (answer, request) => {
      if (request.readUInt16BE(510) === 4) old.copy(answer);
    };
    expect(await refusal(index.read(LIMIT))).to.match(/^UNWRAP_FAILED .*older question/);
  });

  it('is not believed without the key', async () => {
    await index.enroll(entry(4), false, LIMIT);
    const other = new RollbackIndex(rpmbStore(place(randomBytes(32))));
    expect(await refusal(other.read(LIMIT))).to.match(/^UNWRAP_FAILED/);
    expect(await refusal(other.write(entry(9), LIMIT))).to.match(/^UNWRAP_FAILED/);
    expect(await index.read(LIMIT)).to.deep.equal(entry(4));
  });

  it('says so of a memory without a key', async () => {
    rpmb = new FakeRpmb();
    expect(await refusal(index.read(LIMIT))).to.match(/^NOT_READY .*no key is programmed/);
  });

  it('leaves a block alone that something else uses', async () => {
    rpmb.data.fill(1, 768, 770);
    expect(await refusal(index.enroll(entry(4), true, LIMIT))).to.match(/^UNSUPPORTED .*block 3, is used by/);
    expect(rpmb.counter).to.equal(0);
  });

  it('has the old or the new entry after each of its commands to the memory, if it is killed there', async () => {
    await index.enroll(entry(4), false, LIMIT);
    const commands = rpmb.requests.length;
    await index.write(entry(5), LIMIT);
    const all = rpmb.requests.length - commands;
    for (let last = 0; last <= all; last++) {
      rpmb = new FakeRpmb();
      programKey(rpmb, KEY);
      await index.enroll(entry(4), false, LIMIT);
      let left = last;
      rpmb.lie = () => {
        if (left-- === 0) throw new DekError('IO', 'killed');
      };
      await index.write(entry(5), LIMIT).catch(() => {});
      rpmb.lie = () => {};
      expect((await index.read(LIMIT))?.generation, `${last} of ${all}`).to.be.oneOf([4, 5]);
      await index.write(entry(5), LIMIT);
      expect(await index.read(LIMIT)).to.deep.equal(entry(5));
    }
  });

  for (const rest of ['', '/dev/mmcblk0rpmb', '/dev/x?key=', '/dev/x?address=1', '/dev/x?key=cred:a&address=-1']) {
    it(`is not named by rpmb:${rest}`, () => {
      expect(() => storeOf(rest)).to.throw(DekError, /rpmb:\/dev\/mmcblkNrpmb\?key=SOURCE/);
    });
  }
});

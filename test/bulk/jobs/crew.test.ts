/** A crew of threads: order, back-pressure, faults, and its end. */
import {expect} from 'chai';
import {Crew} from '../../../src/bulk/jobs/crew.js';
import {DekError} from '../../../src/errors.js';
import {BytesKek} from '../../../src/wrap/kek-handle.js';
import {wrapKey} from '../../../src/wrap/kw.js';
import {thrownBy} from '../../support/process/errors-thrown.js';

const KEK = new Uint8Array(32).fill(9);
const kek = (): BytesKek => new BytesKek(KEK.slice(), 'kek');
const DYING = new URL('../../support/process/dying-thread.js', import.meta.url);

/** Pieces of 1 to 40 keys of 40 bytes, each key with its number in it. */
async function* pieces(count: number, onPiece: (i: number) => unknown = () => {}) {
  for (let i = 0; i < count; i++) {
    await onPiece(i);
    const keys = 1 + ((i * 7) % 40);
    const bytes = new Uint8Array(40 * keys);
    for (let k = 0; k < keys; k++) new DataView(bytes.buffer).setUint32(40 * k, 1000 * i + k);
    yield {bytes, plaintextBytes: 40};
  }
}

describe('Crew', () => {
  const wrapAll = async (options: {threads?: number; alone?: number; module?: URL}, count: number): Promise<Buffer> =>
    Crew.with(
      [kek()],
      async (crew) => {
        const out: Uint8Array[] = [];
        for await (const {bytes} of crew.map('wrapRaw', pieces(count))) out.push(bytes);
        return Buffer.concat(out);
      },
      options,
    );

  for (const [threads, alone] of [
    [1, 0],
    [2, 3],
    [4, 0],
  ] as const) {
    it(`gives with ${threads} threads after ${alone} pieces what the one-key engine gives, in order`, async () => {
      const expected: Uint8Array[] = [];
      for await (const {bytes} of pieces(60)) {
        for (let at = 0; at < bytes.length; at += 40) expected.push(wrapKey(KEK, bytes.slice(at, at + 40)));
      }
      const is = await wrapAll({threads, alone}, 60);
      expect(is.equals(Buffer.concat(expected))).to.equal(true);
    });
  }

  it('does small jobs without a thread', async () => {
    const missing = new URL('../no-such-thread.js', import.meta.url);
    expect((await wrapAll({module: missing}, 5)).length).to.be.greaterThan(0);
    expect((await thrownBy(() => wrapAll({module: missing, alone: 0}, 5))).code).to.equal('IO');
  });

  const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1));
  const countAll = async (crew: Crew): Promise<number> => {
    let keys = 0;
    for await (const {count} of crew.map('wrapRaw', pieces(400, turn))) keys += count;
    return keys;
  };

  it('goes on by itself until its threads run', async () => {
    expect(await Crew.with([kek()], countAll, {threads: 2, alone: 2})).to.equal(400 * 20.5);
  });

  it('goes on by itself when they cannot', async () => {
    const module = new URL('../no-such-thread.js', import.meta.url);
    expect(await Crew.with([kek()], countAll, {threads: 2, alone: 2, module})).to.equal(400 * 20.5);
    const noUrl = 'none' as unknown as URL; // the constructor throws
    expect(await Crew.with([kek()], countAll, {threads: 2, alone: 2, module: noUrl})).to.equal(400 * 20.5);
  });

  it('takes no more pieces than it has room for while nobody takes the results', async () => {
    await Crew.with(
      [kek()],
      async (crew) => {
        let taken = 0;
        const outputs = crew.map(
          'wrapRaw',
          pieces(100, () => taken++),
        );
        await outputs.next();
        await new Promise((resolve) => setTimeout(resolve, 100));
        expect(taken).to.be.at.most(2 * 3 + 2);
        await outputs.return();
      },
      {threads: 2, alone: 0},
    );
  });

  it('gives what came before a fault of the source, and then the fault', async () => {
    async function* torn() {
      yield* pieces(10);
      throw new DekError('BAD_INPUT', 'torn');
    }
    let count = 0;
    const work = (crew: Crew): Promise<void> =>
      (async () => {
        for await (const _ of crew.map('wrapRaw', torn())) count++;
      })();
    const error = await thrownBy(() => Crew.with([kek()], work, {threads: 2, alone: 0}));
    expect([error.code, error.message, count]).to.deep.equal(['BAD_INPUT', 'torn', 10]);
  });

  it('hands over an error of a job with its code and its hint', async () => {
    const bad = async function* () {
      yield {bytes: new Uint8Array(39), plaintextBytes: 39};
    };
    const work = async (crew: Crew): Promise<void> => {
      for await (const _ of crew.map('wrapRaw', bad()));
    };
    const error = await thrownBy(() => Crew.with([kek()], work, {threads: 1, alone: 0}));
    expect([error.code, error.message]).to.deep.equal([
      'BAD_ARGUMENT',
      '"plaintext DEK" expected 32, 40, 64 or 72, got 39',
    ]);
  });

  for (const [how, first] of [
    ['ends', 0],
    ['runs out of memory', 1],
  ] as const) {
    it(`is one clear error when a thread ${how}`, async () => {
      async function* inputs() {
        for (let i = 0; i < 50; i++) yield {bytes: new Uint8Array(40).fill(first), plaintextBytes: 40};
      }
      const work = async (crew: Crew): Promise<void> => {
        for await (const _ of crew.map('wrapRaw', inputs()));
      };
      const error = await thrownBy(() => Crew.with([kek()], work, {threads: 2, alone: 0, module: DYING}));
      expect(error.code).to.equal('IO');
      expect(error.message).to.match(/^a worker thread ended before its work was done: /);
    });
  }
});

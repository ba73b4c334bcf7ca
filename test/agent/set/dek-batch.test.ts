import {expect} from 'chai';
import {heldDek, isSame, opaqueText} from '../../../src/agent/nic/held-dek.js';
import {type DekBatch, dekBatches, pick} from '../../../src/agent/set/dek-batch.js';
import {columnsOf, openLines} from '../../../src/manifest/read.js';
import type {Dek} from '../../../src/rdma/index.js';
import {base64, dekLine, headerLine, text} from '../../support/manifest/manifest-text.js';

const DEK = {} as Dek;

async function batchesOf(...lines: string[]): Promise<DekBatch[]> {
  const {lines: read} = await openLines([Buffer.from(text(headerLine(), ...lines))]);
  const batches: DekBatch[] = [];
  for await (const columns of await columnsOf(read, 1)) batches.push(...dekBatches(columns));
  return batches;
}

/** The key of `vol-1`, with one bit the other way round. */
function lineWithFlipped(bit: number): string {
  const key = Buffer.alloc(80);
  key.writeUInt32BE(1);
  key[bit >> 3]! ^= 1 << (bit & 7);
  return dekLine(1, {wrapped: key.toString('base64')});
}

describe('batches of DEKs', () => {
  const short = JSON.stringify({name: 'short', keySize: 128, keytag: false, opaque: '0102', wrapped: base64(40)});

  it('are one for each layout, in the order of the lines', async () => {
    const [first, second, ...others] = await batchesOf(dekLine(1), short, dekLine(2));
    expect(others).to.deep.equal([]);
    expect(first).to.deep.include({names: ['short'], lines: [3], wrapped: new Uint8Array(40).fill(9)});
    expect([...first!.opaque]).to.deep.equal([1, 2, 0, 0, 0, 0, 0, 0]);
    expect(second).to.deep.include({names: ['vol-1', 'vol-2'], lines: [2, 4]});
    expect(second!.layout).to.include({keySize: 256, keytag: true});
    expect([second!.wrapped.length, second!.wrapped[3], second!.wrapped[83]]).to.deep.equal([160, 1, 2]);
  });

  it('can be picked from', async () => {
    const [batch] = await batchesOf(dekLine(1), dekLine(2, {opaque: 'aa'}), dekLine(3));
    const some = pick(batch!, [1, 2]);
    expect(some).to.deep.include({
      names: ['vol-2', 'vol-3'],
      lines: [3, 4],
      fingerprints: batch!.fingerprints.slice(1),
    });
    expect([some.wrapped[3], some.wrapped[83], some.opaque[0], some.opaque[8]]).to.deep.equal([2, 3, 0xaa, 0]);
    expect(pick(batch!, [0, 1, 2])).to.equal(batch);
    expect(pick(batch!, []).names).to.deep.equal([]);
  });

  it('tell a label in hex, with the zeros at its end, and none as nothing', async () => {
    const [batch] = await batchesOf(dekLine(1), dekLine(2, {opaque: '00'}), dekLine(3, {opaque: '0aff'}));
    expect([0, 1, 2].map((i) => opaqueText(batch!.opaque, i))).to.deep.equal(['', '', '0aff000000000000']);
  });

  it('know a DEK that is held, in another reading too, and tell it from any other key or label', async () => {
    const [batch] = await batchesOf(dekLine(1));
    const held = heldDek(batch!, 0, {dek: DEK, namedBy: 1});
    expect(Number.isSafeInteger(held.fingerprint) && held.fingerprint > 0).to.equal(true);
    const [again] = await batchesOf(dekLine(7), dekLine(1));
    expect([isSame(held, again!, 0), isSame(held, again!, 1)]).to.deep.equal([false, true]);
    for (let bit = 0; bit < 640; bit++) {
      const [other] = await batchesOf(lineWithFlipped(bit));
      expect(isSame(held, other!, 0), `bit ${bit}`).to.equal(false);
    }
    const [labelled] = await batchesOf(dekLine(1, {opaque: '0000000000000001'}));
    expect(isSame(held, labelled!, 0)).to.equal(false);
  });

  it('differ in their fingerprints among 20,000 keys', async () => {
    const batches = await batchesOf(...Array.from({length: 20_000}, (_, n) => dekLine(n)));
    expect(new Set(batches.flatMap(({fingerprints}) => fingerprints)).size).to.equal(20_000);
  });
});

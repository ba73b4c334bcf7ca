import {Transform} from 'node:stream';
import {expect} from 'chai';
import {LeaseKeeper} from '../../../src/fleet/etcd/lease-keeper.js';
import type {Members} from '../../../src/fleet/etcd/members.js';

describe('lease keeper', () => {
  it('leaves a member whose answer is none of etcd', async () => {
    const answer = Uint8Array.of(0xff);
    const line = new Transform({objectMode: true, transform: (_question, _encoding, done) => done(null, answer)});
    const stream = Object.assign(line, {cancel: () => line.destroy()});
    let left = 0;
    const member = {stream, heard: () => 0, giveUp: () => {}, leave: () => left++, forgetToken: () => {}};
    const keeper = new LeaseKeeper({stream: async () => member} as unknown as Members);
    const error = await keeper.keep(1).catch((reason: unknown) => reason);
    expect(error).to.have.property('code', 'IO');
    expect(left).to.equal(1);
  });
});

import fs from 'node:fs';
import {expect} from 'chai';
import {Compacted} from '../../../src/fleet/etcd/failure.js';
import {Store} from '../../../src/fleet/etcd/store.js';
import type {WatchBatch} from '../../../src/fleet/etcd/watch.js';
import {EtcdCluster, LIMIT} from '../../support/fleet/etcd.js';
import {Line} from '../../support/fleet/line.js';

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const text = (value: Uint8Array | undefined): string => Buffer.from(value ?? []).toString();

describe('store', () => {
  let etcd: EtcdCluster;
  before(async () => {
    etcd = await EtcdCluster.start({names: ['node-1']});
  });
  after(() => etcd.stop());

  it('writes by a compare and reads what was written', async () => {
    const store = etcd.store();
    const put = {compare: [{key: '/a', createRevision: 0}], success: [{put: '/a', value: bytes('1')}]};
    expect((await store.txn(put)).succeeded).to.equal(true);
    const again = await store.txn({...put, failure: [{get: '/a'}]});
    expect(again.succeeded).to.equal(false);
    expect(text(again.found[0]?.value)).to.equal('1');
    const kv = (await store.get('/a'))!;
    const swap = {compare: [{key: '/a', modRevision: kv.modRevision}], success: [{put: '/a', value: bytes('2')}]};
    expect((await store.txn(swap)).succeeded).to.equal(true);
    expect((await store.txn(swap)).succeeded).to.equal(false);
    expect(text((await store.get('/a'))?.value)).to.equal('2');
    expect(await store.get('/b')).to.equal(null);
  });

  it('lists more keys than a page has, all of one revision', async () => {
    const store = etcd.store();
    for (let i = 0; i < 2500; i += 100) {
      const success = Array.from({length: 100}, (_, j) => ({put: `/list/${10_000 + i + j}`, value: bytes('x')}));
      await store.txn({compare: [], success});
    }
    const keys: string[] = [];
    const revisions = new Set<number>();
    for await (const {kvs, revision} of store.list('/list/')) {
      keys.push(...kvs.map(({key}) => key));
      revisions.add(revision);
      await store.txn({compare: [], success: [{put: '/list/99999', value: bytes('late')}]});
    }
    expect(keys).to.have.length(2500);
    expect(new Set(keys)).to.have.property('size', 2500);
    expect(revisions).to.have.property('size', 1);
  });

  it('watches on after a break, and says when what it would go on from is gone', async () => {
    const store = etcd.store();
    const {revision} = await store.read('/w');
    for (const value of ['1', '2', '3']) await store.txn({compare: [], success: [{put: '/w', value: bytes(value)}]});
    const stop = new AbortController();
    const seen: string[] = [];
    for await (const {events} of store.watch({key: '/w'}, revision, {signal: stop.signal})) {
      seen.push(...events.map(({kv}) => text(kv.value)));
      if (seen.length === 3) {
        await etcd.signal(0, 'SIGKILL');
        await etcd.run(0);
        etcd.etcdctl('put', '/w', '4');
      }
      if (seen.length === 4) stop.abort();
    }
    expect(seen).to.deep.equal(['1', '2', '3', '4']);
    etcd.etcdctl('compact', `${(await store.read('/w')).revision}`);
    const late = store.watch({key: '/w'}, revision, {signal: new AbortController().signal});
    expect(await late.next().catch((error: unknown) => error)).to.be.instanceOf(Compacted);
  });

  it('ends a watch that is not wanted any more before it has begun', async () => {
    const stop = new AbortController();
    const {revision} = await etcd.store().read('/never');
    const first = etcd.store().watch({key: '/never'}, revision, {signal: stop.signal}).next();
    stop.abort();
    expect((await first).done).to.equal(true);
  });

  it('waits longer for a store that is slow to answer all, a connection included', async () => {
    const line = await Line.to(etcd.ports[0]!, {delayMs: 1700});
    try {
      expect(await etcd.store('root', [line.port]).get('/none')).to.equal(null);
    } finally {
      line.close();
    }
  });

  it('loses what a lease holds with the lease', async () => {
    const store = etcd.store();
    const lease = await store.grantLease(30);
    await store.txn({compare: [], success: [{put: '/lease', value: bytes('x'), lease}]});
    expect((await store.get('/lease'))?.lease).to.equal(lease);
    expect(await store.keepLease(lease)).to.equal(30);
    await store.revokeLease(lease);
    await store.revokeLease(lease);
    expect(await store.get('/lease')).to.equal(null);
    expect(await store.keepLease(lease)).to.equal(0);
  });

  it('watches on, and is asked, by user and password when a member has forgotten who we are', async () => {
    const store = new Store({...etcd.parsed('root'), ...etcd.knowByPassword()}, LIMIT);
    try {
      const {revision} = await store.read('/token');
      const stop = new AbortController();
      const changes = store.watch({key: '/token'}, revision, {signal: stop.signal});
      const next = changes.next();
      // A token is in the memory of the member that gave it.
      await etcd.signal(0, 'SIGKILL');
      await etcd.run(0);
      etcd.etcdctl('put', '/token', '1');
      const {events} = (await next).value as WatchBatch;
      expect(text(events.at(-1)?.kv.value)).to.equal('1');
      stop.abort();
      await changes.return();
      await etcd.signal(0, 'SIGKILL');
      await etcd.run(0);
      expect(text((await store.get('/token'))?.value)).to.equal('1');
    } finally {
      store.close();
      etcd.etcdctl('auth', 'disable');
    }
  });

  it('is reached when its sources give what they did not give before', async () => {
    const ca = etcd.authority.path('late.crt');
    const store = new Store({...etcd.parsed('root'), ca}, LIMIT);
    try {
      const refused = await store.get('/a').catch((error: unknown) => error);
      expect(refused).to.have.property('message').that.includes('late.crt');
      fs.copyFileSync(etcd.authority.path('ca.crt'), ca);
      expect(await store.get('/never')).to.equal(null);
    } finally {
      store.close();
    }
  });

  it('knows who it is from its certificate', async () => {
    expect(await etcd.store('node-1').identity.name()).to.equal('node-1');
  });
});

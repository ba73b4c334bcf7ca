import {expect} from 'chai';
import type {Txn} from '../../../src/fleet/etcd/messages.js';
import {Store} from '../../../src/fleet/etcd/store.js';
import {Reporter} from '../../../src/fleet/host/reporter.js';
import {FleetKeys} from '../../../src/fleet/layout/keys.js';
import {parseReport, type Report} from '../../../src/fleet/layout/report.js';
import {EtcdCluster, LIMIT} from '../../support/fleet/etcd.js';
import {until} from '../../support/until.js';

/** Keeps what is asked, to ask it again: as a member does that gave no answer while it was paused. */
class KeepingStore extends Store {
  readonly asked: Txn[] = [];

  override txn(...args: Parameters<Store['txn']>): ReturnType<Store['txn']> {
    this.asked.push(args[0]);
    return super.txn(...args);
  }
}

describe('reporter', () => {
  const keys = new FleetKeys('/dek/');
  const nothing = {id: null, generation: null, digest: null, kcv: null, nextLogin: null, since: null, why: null};
  const counts = {total: 0, ready: 0, proven: 0, wrong: 0, old: 0};
  const reportOf = (version: string): Report => ({...nothing, ...counts, isReady: true, login: 'VALID', version});
  let etcd: EtcdCluster;
  let store: KeepingStore;
  const told = async (): Promise<string | undefined> => {
    const kv = await store.get(keys.status('node-1'));
    return kv ? parseReport(kv.value, 'node-1').version : undefined;
  };

  before(async () => {
    etcd = await EtcdCluster.start();
    store = new KeepingStore(etcd.parsed('root'), LIMIT);
  });
  after(async () => {
    store.close();
    await etcd.stop();
  });

  it('tells the last report, also when a member does late what it was asked for before', async () => {
    const reporter = new Reporter(store, keys, 'node-1');
    for (const version of ['1', '2', '3']) {
      reporter.tell(reportOf(version));
      await until(async () => (await told()) === version);
    }
    for (const late of store.asked.slice(0, -1)) await etcd.store().txn(late);
    expect(await told()).to.equal('3');
    await reporter.close();
    expect(await told()).to.equal(undefined);
  });

  it('takes the place of what it finds, and of what was taken away', async () => {
    etcd.etcdctl('put', keys.status('node-1'), 'of an agent before this one');
    const reporter = new Reporter(store, keys, 'node-1');
    reporter.tell(reportOf('1'));
    await until(async () => (await told().catch(() => '')) === '1');
    etcd.etcdctl('del', keys.status('node-1'));
    reporter.tell(reportOf('2'));
    await until(async () => (await told()) === '2');
    await reporter.close();
  });
});

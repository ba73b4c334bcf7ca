/** Hosts that share a manifest, of which each loses a DEK: what that asks of the store, and whom messages name. */
import fs from 'node:fs';
import {expect} from 'chai';
import {Store} from '../../../src/fleet/etcd/store.js';
import {FleetKeys} from '../../../src/fleet/layout/keys.js';
import {type Published, publish} from '../../../src/fleet/publish/publish.js';
import {EtcdCluster, LIMIT} from '../../support/fleet/etcd.js';
import {newOfficerKeys, TestSet, volumes} from '../../support/fleet/fleet.js';
import {temporaryDirectory} from '../../support/temporary-directory.js';

/** Counts what is asked. */
class CountingStore extends Store {
  asked = 0;

  override get(...args: Parameters<Store['get']>): ReturnType<Store['get']> {
    this.asked++;
    return super.get(...args);
  }

  override list(...args: Parameters<Store['list']>): ReturnType<Store['list']> {
    this.asked++;
    return super.list(...args);
  }

  override txn(...args: Parameters<Store['txn']>): ReturnType<Store['txn']> {
    this.asked++;
    return super.txn(...args);
  }
}

describe('heirs', () => {
  const keys = new FleetKeys('/dek/');
  const under = newOfficerKeys(1);
  let etcd: EtcdCluster;
  let directory: string;
  let store: CountingStore;
  const send = async (path: string, hosts: readonly string[]): Promise<Published> => {
    const files = {path, fallback: undefined, folder: undefined};
    const how = {replaceKeys: [], replaceSet: true, keep: 5, letGo: false, onProgress: () => {}};
    return publish(store, keys, {...files, ...how, hosts});
  };
  const nodes = (count: number): string[] => Array.from({length: count}, (_, i) => `node-${10 + i}`);

  before(async () => {
    etcd = await EtcdCluster.start();
    store = new CountingStore(etcd.parsed('root'), LIMIT);
  });
  beforeEach(() => {
    directory = temporaryDirectory();
  });
  afterEach(() => {
    fs.rmSync(directory, {recursive: true});
    etcd.etcdctl('del', '--prefix', '/dek/');
  });
  after(async () => {
    store.close();
    await etcd.stop();
  });

  it('are looked for by as many requests when many hosts lose a DEK as when few do', async () => {
    const counts: number[] = [];
    for (const count of [2, 30]) {
      const set = new TestSet(directory);
      for (const deks of [3, 3, 2]) {
        store.asked = 0;
        const path = await set.write({names: volumes(deks), under});
        const {moved} = await send(path, nodes(count));
        expect(moved).to.have.length(count);
      }
      counts.push(store.asked);
      etcd.etcdctl('del', '--prefix', '/dek/');
    }
    expect(counts[0]).to.equal(counts[1]);
  });

  it('are named: the first, and how many more', async () => {
    const [set, rest] = [new TestSet(directory), new TestSet(directory)];
    await send(await set.write({names: ['a', 'b'], under}), ['node-1']);
    await send(await rest.write({names: ['c'], under, file: 'rest-1'}), nodes(3));
    rest.adopt(set, 'b');
    await send(await rest.write({names: ['b', 'c'], under, file: 'rest-2'}), nodes(3));
    const {leftOut, moved} = await send(await set.write({names: ['a'], under}), ['node-1']);
    expect(moved).to.deep.equal([]);
    const why = 'it would lose DEKs that node-10 and 2 more has got and not proven yet';
    expect(leftOut).to.deep.equal([{host: 'node-1', why}]);
  });
});

import {expect} from 'chai';
import {FleetKeys} from '../../../src/fleet/layout/keys.js';
import {digestOf} from '../../../src/fleet/layout/pieces.js';
import {readBlobs} from '../../../src/fleet/publish/blobs.js';
import {EtcdCluster} from '../../support/fleet/etcd.js';

describe('blobs', () => {
  const keys = new FleetKeys('/dek/');
  const [lost, altered] = ['lost', 'altered'].map((text) => digestOf(Buffer.from(text)));
  let etcd: EtcdCluster;
  before(async () => {
    etcd = await EtcdCluster.start();
    etcd.etcdctl('put', keys.blob(altered!), 'something else');
  });
  after(() => etcd.stop());

  it('are refused where one is lost and another altered, and no promise is left that rejects alone', async () => {
    const store = etcd.store();
    const alone: unknown[] = [];
    const hear = (reason: unknown): void => void alone.push(reason);
    const others = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection').on('unhandledRejection', hear);
    try {
      const error = await readBlobs(store, keys, [lost!, altered!]).catch((reason: unknown) => reason);
      expect(error).to.have.property('code', 'BAD_INPUT');
      expect(error).to.have.property('message', `blob ${altered!.slice(0, 12)} was altered in the store`);
      // What was asked for the lost one was answered before this.
      expect(await store.get('/nothing')).to.equal(null);
    } finally {
      process.off('unhandledRejection', hear);
      for (const other of others) process.on('unhandledRejection', other);
    }
    expect(alone).to.deep.equal([]);
  });
});

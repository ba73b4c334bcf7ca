/** A manifest of 100,000 DEKs, 20 MB: published in pieces, taken up by an agent; a DEK more is a few pieces more. */
import fs from 'node:fs';
import {expect} from 'chai';
import {EtcdCluster} from '../../support/fleet/etcd.js';
import {newOfficerKeys, TestHost, TestSet, volumes} from '../../support/fleet/fleet.js';
import {runDek} from '../../support/process/run-dek.js';
import {temporaryDirectory} from '../../support/temporary-directory.js';
import {until} from '../../support/until.js';

const DEKS = 100_000;

describe('a manifest of 100,000 DEKs', () => {
  const keys = newOfficerKeys(1);
  let directory: string;
  let etcd: EtcdCluster;
  let host: TestHost;
  before(async () => {
    directory = temporaryDirectory();
    etcd = await EtcdCluster.start({names: ['node-1']});
    host = await TestHost.make('node-1', etcd, keys);
  });
  after(async () => {
    await host.remove();
    await etcd.stop();
    fs.rmSync(directory, {recursive: true});
  });

  it('goes to an agent, and the next generation as what is new of it', async () => {
    const set = new TestSet(directory);
    const publish = async (names: readonly string[]): Promise<{blobs: number; bytes: number}> => {
      const path = await set.write({names, under: keys});
      const words = ['publish', path, '--host', 'node-1', '--json', '--fleet', etcd.uri('root')];
      const {status, stdout, stderr} = await runDek(['fleet', ...words]);
      expect(status, stderr).to.equal(0);
      return JSON.parse(stdout.toString());
    };
    const ready = async (): Promise<number> => (await host.agent.client.status()).deks.ready;

    const names = volumes(DEKS);
    const first = await publish(names);
    expect(first.bytes).to.be.above(DEKS * 100);
    await host.start({fastClock: false});
    expect(await host.generation()).to.equal(1);
    expect(await ready()).to.equal(DEKS);

    const second = await publish([...names, 'one-more']);
    expect(second.bytes).to.be.below(first.bytes / 20);
    const taken = (): string | undefined =>
      host.agent.log
        .split('\n')
        .find((line) => line.includes('"event":"generation-taken"') && /"generation":2,/.test(line));
    await until(
      () => taken() !== undefined,
      () => host.agent.log.slice(-500),
    );
    expect(await host.generation()).to.equal(2);
    expect(await ready()).to.equal(DEKS + 1);
    expect(JSON.parse(taken()!))
      .to.have.property('fetchedBytes')
      .that.is.below(first.bytes / 20);
  });
});

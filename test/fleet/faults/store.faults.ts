/** Faults of the store in each step: members that are killed or paused, a line that stops or drops, a compaction. */
import {setMaxListeners} from 'node:events';
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {Store} from '../../../src/fleet/etcd/store.js';
import {Checkpoint} from '../../support/fleet/checkpoint.js';
import {EtcdCluster, LIMIT} from '../../support/fleet/etcd.js';
import {newOfficerKeys, TestSet, volumes} from '../../support/fleet/fleet.js';
import {Line} from '../../support/fleet/line.js';
import {SimulatedHost} from '../../support/fleet/simulated-host.js';
import {type Run, runDek} from '../../support/process/run-dek.js';
import {temporaryDirectory} from '../../support/temporary-directory.js';
import {until} from '../../support/until.js';

const names = ['node-1', 'node-2', 'node-3'];
const all = names.flatMap((name) => ['--host', name]);
const keys = newOfficerKeys(1);

describe('a store of three members', () => {
  let etcd: EtcdCluster;
  let directory: string;
  let set: TestSet;
  let hosts: SimulatedHost[] = [];
  const fleet = (...words: string[]): Promise<Run> => runDek(['fleet', ...words, '--fleet', etcd.uri('root')]);
  const done = async (...words: string[]): Promise<void> => {
    const {status, stderr} = await fleet(...words);
    expect(status, stderr).to.equal(0);
  };
  const allHold = (generation: number): Promise<void> =>
    until(
      () => hosts.every(({held}) => held?.generation === generation),
      () => `${hosts.map(({held}) => held?.generation)} is ${generation}`,
    );

  before(async () => {
    etcd = await EtcdCluster.start({members: 3, names});
  });
  beforeEach(async () => {
    directory = temporaryDirectory();
    set = new TestSet(directory);
    for (const name of names) hosts.push(await SimulatedHost.start(name, etcd.parsed(name), join(directory, name)));
    await done('publish', await set.write({names: volumes(2), under: keys}), ...all);
    await allHold(1);
  });
  afterEach(async () => {
    for (const host of hosts) await host.stop();
    hosts = [];
    fs.rmSync(directory, {recursive: true});
    etcd.etcdctl('del', '--prefix', '/dek/');
  });
  after(() => etcd.stop());

  for (const signal of ['SIGKILL', 'SIGSTOP'] as const) {
    for (const which of ['leader', 'follower'] as const) {
      it(`publishes and rolls out while the ${which} is lost by ${signal}, and hosts follow`, async () => {
        const leader = etcd.leader();
        const lost = which === 'leader' ? leader : (leader + 1) % 3;
        const paths = [
          await set.write({names: volumes(3), under: keys}),
          await set.write({names: volumes(4), under: keys}),
        ];
        await etcd.signal(lost, signal);
        try {
          await done('publish', paths[0]!, '--all');
          await allHold(2);
          await done('rollout', paths[1]!, '--all', '--waves', '1,100%', '--wait', '2m');
          await allHold(3);
        } finally {
          if (signal === 'SIGKILL') await etcd.run(lost);
          else await etcd.signal(lost, 'SIGCONT');
          await etcd.ready();
        }
        await until(async () => (await fleet('status')).status === 0);
      });
    }
  }

  it('changes nothing when most members are lost in a publication, and works again when they are back', async () => {
    const path = await set.write({names: volumes(3), under: keys});
    const [dead, paused] = [0, 1];
    await etcd.signal(dead, 'SIGKILL');
    await etcd.signal(paused, 'SIGSTOP');
    const refused = await fleet('publish', path, '--all');
    expect(refused.status).to.equal(1);
    expect(refused.stderr).to.match(/no member of etcd could be used/);
    expect(hosts.map(({held}) => held?.generation)).to.deep.equal([1, 1, 1]);
    await etcd.signal(paused, 'SIGCONT');
    await etcd.run(dead);
    await until(async () => (await fleet('publish', path, '--all')).status === 0);
    await allHold(2);
  });

  it('follows on after a compaction while the line was down, and while it only stopped', async () => {
    const lines = await Promise.all(etcd.ports.map((port) => Line.to(port)));
    await hosts[0]!.stop();
    const uri = etcd.parsed(
      'node-1',
      lines.map(({port}) => port),
    );
    hosts[0] = await SimulatedHost.start('node-1', uri, join(directory, 'node-1'));
    try {
      await until(async () => (await fleet('status')).status === 0);
      let generation = 1;
      for (const state of ['dropping', 'stopped'] as const) {
        for (const line of lines) line.become(state);
        await done('publish', await set.write({names: volumes(++generation + 1), under: keys}), '--all');
        const {header} = JSON.parse(etcd.etcdctl('get', '/dek/hosts/node-1', '--write-out=json'));
        etcd.etcdctl('compact', `${header.revision}`);
        expect(hosts[0]!.held?.generation).to.equal(generation - 1);
        for (const line of lines) line.become('passing');
        await allHold(generation);
      }
      // A line that is silent for long is left, without a word from the other side.
      lines[0]!.become('stopped');
      await done('publish', await set.write({names: volumes(9), under: keys}), '--all');
      await allHold(generation + 1);
    } finally {
      for (const line of lines) line.close();
    }
  });
});

it('a watch that has to log in leaves a member that does not answer', async () => {
  const etcd = await EtcdCluster.start();
  const who = etcd.knowByPassword();
  const checkpoint = await Checkpoint.of(etcd);
  checkpoint.stopAt(0, 'before');
  const ports = [...checkpoint.ports, ...etcd.ports];
  // Each begins at one of the two by chance.
  const stores = Array.from({length: 20}, () => new Store({...etcd.parsed('root', ports), ...who}, LIMIT));
  const stop = new AbortController();
  setMaxListeners(stores.length, stop.signal);
  try {
    const changes = stores.map((store) => store.watch({key: '/news'}, 1, {signal: stop.signal}).next());
    etcd.etcdctl('put', '/news', '1');
    for (const change of changes) expect((await change).value).to.have.property('revision');
    expect(checkpoint.isStopped).to.equal(true);
  } finally {
    stop.abort();
    for (const store of stores) store.close();
    await checkpoint.close();
    await etcd.stop();
  }
});

it('a store is given longer for a login than for the first try, where each takes it seconds', async () => {
  const etcd = await EtcdCluster.start();
  const who = etcd.knowByPassword();
  const checkpoint = await Checkpoint.of(etcd);
  checkpoint.delay('logs in', 4000);
  const store = new Store({...etcd.parsed('root', checkpoint.ports), ...who}, LIMIT);
  try {
    expect(await store.get('/nothing')).to.equal(null);
  } finally {
    store.close();
    await checkpoint.close();
    await etcd.stop();
  }
});

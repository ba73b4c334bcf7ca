/** A store that lies, a host whose key was stolen, a clock that jumps: the last good copy stays, and each is named. */
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import fs from 'node:fs';
import {expect} from 'chai';
import {EtcdCluster} from '../../support/fleet/etcd.js';
import {newOfficerKeys, TestHost, TestSet, volumes} from '../../support/fleet/fleet.js';
import {DEK, type Run, runDek} from '../../support/process/run-dek.js';
import {temporaryDirectory} from '../../support/temporary-directory.js';
import {until} from '../../support/until.js';

const keys = newOfficerKeys(1);

describe('a store that lies', () => {
  const directory = temporaryDirectory();
  let etcd: EtcdCluster;
  let host: TestHost;
  let set: TestSet;
  const fleet = (...words: string[]): Promise<Run> => runDek(['fleet', ...words, '--fleet', etcd.uri('root')]);
  const done = async (...words: string[]): Promise<void> => {
    const {status, stderr} = await fleet(...words);
    expect(status, stderr).to.equal(0);
  };
  const pointer = (): Record<string, unknown> =>
    JSON.parse(etcd.etcdctl('get', '/dek/hosts/node-1', '--print-value-only'));
  const put = (change: Record<string, unknown>): void => {
    etcd.etcdctl('put', '/dek/hosts/node-1', JSON.stringify({...pointer(), ...change}));
  };
  /** It is refused with these words, which stand in the host's report, and what was held stays. */
  const refused = async (words: RegExp): Promise<void> => {
    await until(
      async () => words.test((await fleet('status')).stdout.toString()),
      () => `${words} in ${host.agent.log.slice(-500)}`,
    );
    expect(await host.generation()).to.equal(1);
    expect(await host.ready()).to.deep.equal(volumes(2));
  };

  beforeEach(async () => {
    etcd = await EtcdCluster.start({names: ['node-1', 'node-2']});
    set = new TestSet(directory);
    host = await TestHost.make('node-1', etcd, keys);
    await done('publish', await set.write({names: volumes(2), under: keys}), '--host', 'node-1');
    await host.start();
  });
  afterEach(async () => {
    await host.remove();
    await etcd.stop();
  });
  after(() => fs.rmSync(directory, {recursive: true}));

  it('has altered a piece, or lost one: the host says which, until it is published again', async () => {
    const before = new Set(etcd.etcdctl('get', '--prefix', '--keys-only', '/dek/blobs/').split('\n'));
    await host.stop();
    const path = await set.write({names: volumes(3), under: keys});
    await done('publish', path, '--all');
    const fresh = etcd.etcdctl('get', '--prefix', '--keys-only', '/dek/blobs/').split('\n');
    for (const key of fresh.filter((one) => one !== '' && !before.has(one))) etcd.etcdctl('put', key, 'altered');
    await host.start();
    await refused(/blob [0-9a-f]{12} was altered in the store/);
    for (const key of fresh.filter((one) => one !== '' && !before.has(one))) etcd.etcdctl('del', key);
    await refused(/blob [0-9a-f]{12} is missing from the store/);
    await done('publish', path, '--all');
    await until(async () => (await host.generation()) === 2);
  });

  it('points to nothing, to another host, to what is no pointer, and to no pointer at all', async () => {
    const {few} = pointer();
    put({generation: 2, digest: 'f'.repeat(64), pieces: 'e'.repeat(64), few: []});
    await refused(/blob e{12} is missing from the store/);
    put({generation: 2, digest: 'f'.repeat(64), few});
    await refused(/the pieces of generation 2 are not what its pointer says/);
    put({few: ['no digest']});
    await refused(/the pointer of node-1 has no good "few"/);
    put({host: 'node-2', digest: 'd'.repeat(64)});
    await refused(/the pointer of node-1 is that of another host/);
    etcd.etcdctl('put', '/dek/hosts/node-1', 'nothing of ours');
    await refused(/the pointer of node-1 is not JSON/);
    etcd.etcdctl('del', '/dek/hosts/node-1');
    await until(async () =>
      /its pointer was removed|nothing was published/.test((await fleet('status')).stdout.toString()),
    );
    expect(await host.ready()).to.deep.equal(volumes(2));
  });

  it('puts an old generation back, under its own number and under a higher one', async () => {
    const old = pointer();
    await host.remove();
    host = await TestHost.make('node-1', etcd, keys);
    await done('publish', await set.write({names: volumes(3), under: keys}), '--all');
    await host.start();
    expect(await host.generation()).to.equal(2);
    for (const generation of [old['generation'], 9]) {
      etcd.etcdctl('put', '/dek/hosts/node-1', JSON.stringify({...old, generation}));
      const words = generation === 9 ? /another id or generation/ : /generation 2 is held, and 1 is no step forward/;
      await until(async () => words.test((await fleet('status')).stdout.toString()));
      expect(await host.ready()).to.deep.equal(volumes(3));
    }
  });

  it('is reached by a certificate that has ended, and by its renewal without a restart', async () => {
    await host.stop();
    etcd.authority.issue('node-1', {days: -1});
    await host.start();
    expect(host.agent.log).to.include('"event":"last-good"');
    etcd.authority.issue('node-1');
    await done('publish', await set.write({names: volumes(3), under: keys}), '--all');
    await until(async () => (await host.generation()) === 2);
  });

  it('has roles that keep a stolen key of a host to that host', async () => {
    const init = ['init', '--publisher', 'ops', '--host', 'node-1', '--host', 'node-2'];
    etcd.runCommands((await fleet(...init)).stdout.toString());
    const stolen = etcd.uri('node-2');
    const publication = await runDek([
      'fleet',
      'publish',
      await set.write({names: ['x'], under: keys}),
      '--all',
      '--fleet',
      stolen,
    ]);
    expect([publication.status, /permission denied/.test(publication.stderr)]).to.deep.equal([4, true]);
    for (const words of [
      ['put', '/dek/hosts/node-1', 'x'],
      ['put', '/dek/status/node-1', 'x'],
      ['del', '--prefix', '/dek'],
    ]) {
      expect(() => etcd.etcdctlAs('node-2', words)).to.throw('permission denied');
    }
    await until(async () => (await fleet('status')).status === 0);
  });
});

describe('an operator who is killed', () => {
  it('leaves hosts as they were or moved, and another goes on when the lease has ended', async () => {
    const directory = temporaryDirectory();
    const etcd = await EtcdCluster.start({names: ['node-1']});
    const set = new TestSet(directory);
    const names = Array.from({length: 400}, (_, i) => `host-${1000 + i}`);
    const hosts = `${directory}/hosts`;
    fs.writeFileSync(hosts, names.join('\n'));
    const held = (): Map<string, number> => {
      const counts = new Map<string, number>();
      const text = etcd.etcdctl('get', '--prefix', '/dek/hosts/', '--print-value-only');
      for (const line of text.split('\n').filter((one) => one !== '')) {
        const {generation} = JSON.parse(line) as {generation: number};
        counts.set(`${generation}`, (counts.get(`${generation}`) ?? 0) + 1);
      }
      return counts;
    };
    const publish = async (path: string): Promise<Run> =>
      runDek(['fleet', 'publish', path, '--hosts', hosts, '--fleet', etcd.uri('root')]);
    try {
      expect((await publish(await set.write({names: volumes(2000), under: keys}))).status).to.equal(0);
      for (const [round, ms] of [300, 500, 700].entries()) {
        const path = await set.write({names: volumes(2001 + round), under: keys});
        const child = spawn(process.execPath, [
          DEK,
          'fleet',
          'publish',
          path,
          '--hosts',
          hosts,
          '--fleet',
          etcd.uri('root'),
        ]);
        const ended = once(child, 'exit');
        setTimeout(() => child.kill('SIGKILL'), ms);
        await ended;
        const counts = held();
        expect([...counts.values()].reduce((a, b) => a + b, 0)).to.equal(400);
        for (const generation of counts.keys()) expect([`${round + 1}`, `${round + 2}`]).to.include(generation);
        await until(async () => (await publish(path)).status === 0);
        expect(held()).to.deep.equal(new Map([[`${round + 2}`, 400]]));
      }
    } finally {
      await etcd.stop();
      fs.rmSync(directory, {recursive: true});
    }
  });
});

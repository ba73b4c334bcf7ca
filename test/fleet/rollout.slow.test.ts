import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {EtcdCluster} from '../support/fleet/etcd.js';
import {newOfficerKeys, TestSet, volumes} from '../support/fleet/fleet.js';
import {SimulatedHost, type Simulation} from '../support/fleet/simulated-host.js';
import {DEK, type Run, runDek} from '../support/process/run-dek.js';
import {PseudoTerminal} from '../support/pseudo-terminal.js';
import {temporaryDirectory} from '../support/temporary-directory.js';
import {until} from '../support/until.js';

describe('dek fleet', () => {
  const names = ['node-1', 'node-2', 'node-3', 'node-4'];
  let etcd: EtcdCluster;
  let directory: string;
  let set: TestSet;
  let hosts: SimulatedHost[] = [];
  const keys = newOfficerKeys(1);
  const fleet = (...words: string[]): Promise<Run> => runDek(['fleet', ...words, '--fleet', etcd.uri('ops')]);
  const json = async (...words: string[]) => JSON.parse((await fleet(...words, '--json')).stdout.toString());
  const done = async (...words: string[]): Promise<Run> => {
    const run = await fleet(...words);
    expect(run.status, run.stderr).to.equal(0);
    return run;
  };
  const write = (count: number, more = {}): Promise<string> => set.write({names: volumes(count), under: keys, ...more});
  const started = async (how: (name: string) => Simulation = () => ({})): Promise<void> => {
    for (const name of names) {
      hosts.push(await SimulatedHost.start(name, etcd.parsed(name), join(directory, name), how(name)));
    }
  };
  const held = (): (number | undefined)[] => hosts.map((host) => host.held?.generation);

  before(async () => {
    etcd = await EtcdCluster.start({names: [...names, 'ops', 'audit', 'stranger']});
    const words = ['init', '--publisher', 'ops', '--auditor', 'audit', ...names.flatMap((name) => ['--host', name])];
    etcd.runCommands((await fleet(...words)).stdout.toString());
  });
  beforeEach(() => {
    directory = temporaryDirectory();
    set = new TestSet(directory);
  });
  afterEach(async () => {
    for (const host of hosts) await host.stop();
    hosts = [];
    fs.rmSync(directory, {recursive: true});
    etcd.etcdctl('del', '--prefix', '/dek/');
  });
  after(() => etcd.stop());

  describe('init', () => {
    const asHost = (...words: string[]): string => {
      try {
        return etcd.etcdctlAs('node-1', words);
      } catch (error) {
        return `${(error as {stderr: Buffer}).stderr}`;
      }
    };

    it('lets a host read its own pointer and the pieces, and write its own status, and nothing else', async () => {
      await done('publish', await write(2), '--host', 'node-1', '--host', 'node-2');
      expect(asHost('get', '/dek/hosts/node-1', '--print-value-only')).to.include('"generation":1');
      expect(asHost('put', '/dek/status/node-1', 'x')).to.equal('OK\n');
      for (const words of [
        ['put', '/dek/hosts/node-1', 'x'],
        ['put', '/dek/hosts/node-2', 'x'],
        ['put', '/dek/status/node-2', 'x'],
        ['del', '/dek/status/node-2'],
        ['put', '/dek/blobs/x', 'x'],
        ['put', '/dek/rollout', 'x'],
        ['put', '/dek/operator', 'x'],
        ['get', '/dek/hosts/node-2'],
        ['get', '/dek/status/node-2'],
        ['get', '/dek/names/', '--prefix'],
        ['get', '/dek', '--prefix'],
        ['user', 'list'],
      ]) {
        expect(asHost(...words), words.join(' ')).to.include('permission denied');
      }
    });

    it('lets an auditor see all and change nothing, and a stranger see nothing', async () => {
      await done('publish', await write(2), '--host', 'node-1');
      const status = await runDek(['fleet', 'status', '--fleet', etcd.uri('audit')]);
      expect(status.stdout.toString()).to.match(/^0 of 1 host well: 1 down$/m);
      const refused = await runDek(['fleet', 'publish', await write(3), '--all', '--fleet', etcd.uri('audit')]);
      expect([refused.status, refused.stderr]).to.deep.equal([4, refused.stderr]);
      expect(refused.stderr).to.include('permission denied');
      const stranger = await runDek(['fleet', 'status', '--fleet', etcd.uri('stranger')]);
      expect(stranger.status).to.equal(4);
    });
  });

  describe('publish', () => {
    it('refuses a name that is another key, changes nothing, and takes it when that is meant', async () => {
      await done('publish', await write(3), '--host', 'node-1');
      const other = await write(3, {rekey: ['vol-2']});
      const refused = await fleet('publish', other, '--host', 'node-2');
      expect(refused.status).to.equal(6);
      expect(refused.stderr).to.match(/vol-2 is another key than in the fleet: DCV .*\n.*--replace-key vol-2/);
      expect((await json('status')).hosts).to.have.length(1);
      await done('publish', other, '--host', 'node-2', '--replace-key', 'vol-2');
    });

    it('goes forward only', async () => {
      const [first, second] = [await write(1), await write(2)];
      await done('publish', second, '--host', 'node-1');
      const refused = await fleet('publish', first, '--host', 'node-1');
      expect(refused.status).to.equal(2);
      expect(refused.stderr.replace(/\s+/g, ' ')).to.include('node-1 is to hold generation 2, and this is 1');
      const other = await new TestSet(directory).write({names: ['a'], under: keys, file: 'other'});
      expect((await fleet('publish', other, '--host', 'node-1')).stderr).to.include('--replace-set');
    });

    it('writes only pieces that are new, keeps so many generations, and removes what nobody needs', async () => {
      const many = await json('publish', await write(3000), '--host', 'node-1');
      expect(many.blobs).to.be.above(4);
      const more = await json('publish', await write(3001), '--host', 'node-1', '--keep', '2');
      expect(more.blobs).to.be.below(many.blobs);
      const before = etcd.etcdctl('get', '--prefix', '--keys-only', '/dek/blobs/').split('\n').length;
      await done('publish', await write(1), '--host', 'node-1', '--keep', '1');
      const last = await json('publish', await write(2), '--host', 'node-1', '--keep', '1');
      expect(last.removed).to.be.above(0);
      expect(etcd.etcdctl('get', '--prefix', '--keys-only', '/dek/kept/').trim()).to.equal(
        '/dek/kept/node-1/0000000003',
      );
      expect(etcd.etcdctl('get', '--prefix', '--keys-only', '/dek/blobs/').split('\n').length).to.be.below(before);
    });

    it('removes nothing while there is a pointer that it cannot read, and says so', async () => {
      await done('publish', await write(1), '--host', 'node-1', '--keep', '1');
      await done('publish', await write(2), '--host', 'node-1', '--keep', '1');
      etcd.etcdctl('put', '/dek/hosts/node-2', '{"dek-fleet-wanted":2}');
      const kept = await done('publish', await write(3), '--host', 'node-1', '--keep', '1');
      expect(kept.stderr.replace(/\s+/g, ' ')).to.match(/nothing was removed: the pointer of node-2 .*is not known/);
      expect((await json('status')).hosts[0].wanted).to.equal(3);
      etcd.etcdctl('del', '/dek/hosts/node-2');
      const removed = await json('publish', await write(4), '--host', 'node-1', '--keep', '1');
      expect(removed).to.include({obstacle: null});
      expect(removed.removed).to.be.above(0);
    });

    it('lets a source go when its heir has proven what it got', async () => {
      await started();
      const rest = new TestSet(directory);
      await done('publish', await set.write({names: ['a', 'b'], under: keys}), '--host', 'node-1');
      const heir = await rest.write({names: ['c'], under: keys, file: 'heir-1'});
      await done('publish', heir, '--host', 'node-2');
      rest.adopt(set, 'b');
      await done('publish', await rest.write({names: ['b', 'c'], under: keys, file: 'heir-2'}), '--host', 'node-2');
      const without = await set.write({names: ['a'], under: keys});
      const early = await fleet('publish', without, '--host', 'node-1');
      expect(early.status).to.equal(7);
      expect(early.stderr).to.include('left out: node-1: it would lose DEKs that node-2 has got and not proven yet');
      hosts[1]!.become({proves: true});
      await until(async () => (await json('status')).hosts[1].proven === 2);
      await done('publish', without, '--host', 'node-1');
    });

    it('gives the fleet back when it is interrupted: each host is as it was, or moved', async () => {
      const many = join(directory, 'many');
      fs.writeFileSync(many, Array.from({length: 400}, (_, i) => `host-${i}`).join('\n'));
      await done('publish', await write(2), '--hosts', many);
      const words = ['fleet', 'publish', await write(3000), '--hosts', many, '--fleet', etcd.uri('ops')];
      const child = spawn(process.execPath, [DEK, ...words]);
      const ended = once(child, 'exit');
      await until(() => etcd.etcdctl('get', '/dek/operator').includes('a publication'));
      child.kill('SIGINT');
      // It may have come to its end before.
      expect([0, 'SIGINT']).to.include((await ended).find((how) => how !== null));
      expect(etcd.etcdctl('get', '/dek/operator')).to.equal('');
      const held = etcd.etcdctl('get', '--prefix', '/dek/hosts/', '--print-value-only').match(/"generation":\d+/g)!;
      expect(held).to.have.length(400);
      for (const generation of held) expect(['"generation":1', '"generation":2']).to.include(generation);
    });

    it('tells the second of two operators at once', async () => {
      await started();
      await done('publish', await write(2), ...names.flatMap((name) => ['--host', name]));
      const path = await write(3);
      hosts[0]!.become({refuses: () => 'its NIC is full'});
      const first = spawn(process.execPath, [DEK, 'fleet', 'rollout', path, '--all', '--fleet', etcd.uri('ops')]);
      const ended = once(first, 'exit');
      await until(() => etcd.etcdctl('get', '/dek/operator').includes('a rollout'));
      const second = await fleet('publish', await write(4), '--all');
      expect(second.status).to.equal(5);
      expect(second.stderr).to.match(/ops on \S+ has a rollout under way, since 20/);
      first.kill('SIGINT');
      await ended;
      expect((await fleet('publish', await write(5), '--all')).stderr).to.include('is stopped, in wave 1');
      await done('rollout', 'abort');
    });
  });

  describe('rollout', () => {
    const all = names.flatMap((name) => ['--host', name]);
    const startRollout = (path: string): ChildProcess =>
      spawn(process.execPath, [DEK, 'fleet', 'rollout', path, '--all', '--fleet', etcd.uri('ops')]);
    const begin = async (count: number): Promise<void> => {
      await started();
      await done('publish', await write(count), ...all);
      await until(() => held().every((generation) => generation === 1));
    };

    it('goes wave by wave to its end', async () => {
      await begin(2);
      const {stdout} = await done('rollout', await write(3), '--all', '--waves', '1,50%,100%');
      expect(stdout.toString()).to.match(/is done, wave 3 of 3/);
      expect(held()).to.deep.equal([2, 2, 2, 2]);
    });

    it('stops at a host that refuses, reaches nobody else, and goes on when the reason is gone', async () => {
      await begin(2);
      hosts[1]!.become({refuses: ({generation}) => (generation === 2 ? 'its NIC is full' : undefined)});
      const words = ['--all', '--waves', '1,2,100%', '--wait', '4s'];
      const stopped = await fleet('rollout', await write(3), ...words);
      expect(stopped.status).to.equal(7);
      expect(stopped.stdout.toString()).to.include('wave 2 of 3: node-2: its NIC is full');
      expect(held()).to.deep.equal([2, 1, 1, 1]);
      hosts[1]!.become({}); // it tries again when it is told to
      await done('rollout', 'resume');
      expect(held()).to.deep.equal([2, 2, 2, 2]);
    });

    /** One that waits for a host which refuses. */
    const waiting = async () => {
      await begin(2);
      hosts[0]!.become({refuses: ({generation}) => (generation === 2 ? 'its NIC is full' : undefined)});
      const child = startRollout(await write(3));
      const ended = once(child, 'exit');
      await until(() => etcd.etcdctl('get', '/dek/rollout').includes('"running"'));
      return {child, ended};
    };

    it('stops at the first Ctrl-C and says what is next', async () => {
      const {child, ended} = await waiting();
      child.kill('SIGINT');
      expect(await ended).to.deep.equal([7, null]);
      expect(etcd.etcdctl('get', '/dek/operator')).to.equal('');
      expect(etcd.etcdctl('get', '/dek/rollout')).to.include('"why":"it was interrupted"');
    });

    it('is not begun when Ctrl-C comes while what it brings is written', async () => {
      await begin(2);
      const child = startRollout(await write(3));
      const ended = once(child, 'exit');
      await until(() => etcd.etcdctl('get', '/dek/operator').includes('a rollout'));
      // Nothing is answered until the signal has come.
      await etcd.signal(0, 'SIGSTOP');
      child.kill('SIGINT');
      await etcd.signal(0, 'SIGCONT');
      const [status, signal] = await ended;
      expect(etcd.etcdctl('get', '/dek/operator')).to.equal('');
      // A fast machine has begun it by then.
      if (etcd.etcdctl('get', '/dek/rollout') === '') expect(signal).to.equal('SIGINT');
      else expect(status).to.equal(7);
    });

    it('ends at once at the second Ctrl-C while etcd gives no answer', async () => {
      const {child, ended} = await waiting();
      await etcd.signal(0, 'SIGSTOP');
      // One that comes before the last was heard is lost.
      const again = setInterval(() => child.kill('SIGINT'), 100);
      try {
        expect(await ended).to.deep.equal([null, 'SIGINT']);
      } finally {
        clearInterval(again);
        await etcd.signal(0, 'SIGCONT');
      }
    });

    it('takes back what it reached, by a later generation with the DEKs of before', async () => {
      await begin(2);
      const [next, back] = [await write(3), await write(2)];
      hosts[3]!.become({refuses: ({generation}) => (generation === 2 ? 'its NIC is full' : undefined)});
      const stopped = await fleet('rollout', next, '--all', '--fallback', back, '--waves', '100%', '--wait', '5s');
      expect(stopped.status).to.equal(7);
      await done('rollout', 'rollback');
      expect(held()).to.deep.equal([3, 3, 3, 3]);
      expect(hosts[0]!.text().split('\n').length).to.equal(1 + 2 + 1);
      expect((await fleet('rollout', 'rollback')).status).to.equal(3);
    });
  });

  it('status --watch shows on a terminal how it changes, and ends with the status of what it showed last', async () => {
    await started();
    await done('publish', await write(2), ...names.flatMap((name) => ['--host', name]));
    const words = `'${process.execPath}' '${DEK}' fleet status --watch --fleet '${etcd.uri('ops')}'`;
    const terminal = new PseudoTerminal(words, {columns: 60});
    try {
      await terminal.shows(/4 of 4 hosts well/);
      await hosts.pop()!.stop();
      await terminal.shows(/␛\[\d+A\r3 of 4 hosts well: 1 down.*␛\[31mdown␛\[0m +node-4/s);
      terminal.interrupt();
      expect(await terminal.exit()).to.equal(7);
    } finally {
      terminal.kill();
    }
  });

  it('says who needs a KEK', async () => {
    const next = newOfficerKeys(2);
    await started((name) => (name === 'node-4' ? {} : {nextLogin: {kcv: next.kcv, valid: true, why: null}}));
    const all = names.flatMap((name) => ['--host', name]);
    await done('publish', await write(2, {next}), ...all);
    await until(() => held().every((generation) => generation === 1));
    const moved = await fleet('publish', await set.write({names: volumes(2), under: next}), '--all');
    expect(moved.status).to.equal(7);
    expect(moved.stderr).to.match(/^left out: node-4: it holds no generation with a next login/m);
    await until(() => held().filter((generation) => generation === 2).length === 3);
    await until(async () => (await json('status', '--kek', keys.kcv)).held.join() === 'node-4');
    const use = await json('status', '--kek', keys.kcv);
    expect(use).to.deep.include({held: ['node-4'], wanted: ['node-4'], down: [], mayGo: false});
    expect(use.kept).to.deep.equal(['node-1', 'node-2', 'node-3'].map((host) => ({host, generation: 1})));
  });
});

/** A hundred agents, each a process on a virtual ConnectX of its own: they take up what comes, also after a kill. */
import fs from 'node:fs';
import {expect} from 'chai';
import {EtcdCluster} from '../../support/fleet/etcd.js';
import {newOfficerKeys, TestHost, TestSet, volumes} from '../../support/fleet/fleet.js';
import {type Run, runDek} from '../../support/process/run-dek.js';
import {isHere, skipWithout} from '../../support/skip.js';
import {temporaryDirectory} from '../../support/temporary-directory.js';
import {until} from '../../support/until.js';

const AGENTS = 100;
/** Starts at once: more of them take no less time. */
const AT_ONCE = 4;
/** The DEKs of a generation: one more each time. */
const deksOf = (generation: number): string[] => volumes(9 + generation);

describe(`${AGENTS} agents`, function () {
  // Each of them is a process that starts, and starts again.
  this.timeout(1_800_000);
  const keys = newOfficerKeys(1);
  const names = Array.from({length: AGENTS}, (_, i) => `node-${i + 1}`);
  let etcd: EtcdCluster;
  let directory: string;
  let set: TestSet;
  let list: string;
  let hosts: TestHost[] = [];
  const fleet = (...words: string[]): Promise<Run> => runDek(['fleet', ...words, '--fleet', etcd.uri('root')]);
  const next = (generation: number): Promise<string> => set.write({names: deksOf(generation), under: keys});
  const done = async (...words: string[]): Promise<void> => {
    const {status, stdout, stderr} = await fleet(...words);
    expect(status, `${stdout}${stderr}`).to.equal(0);
  };
  /** So that each of `some` gets its turn, `AT_ONCE` at a time. */
  const each = async (some: readonly TestHost[], what: (host: TestHost) => Promise<void>): Promise<void> => {
    const left = [...some];
    const work = async (): Promise<void> => {
      for (let host = left.shift(); host !== undefined; host = left.shift()) await what(host);
    };
    await Promise.all(Array.from({length: AT_ONCE}, work));
  };
  const start = (host: TestHost): Promise<void> => host.start({fastClock: false});
  /** By each agent itself: it holds that generation, and each DEK of it is READY. */
  const allHold = async (generation: number): Promise<void> => {
    for (const host of hosts) {
      await until(
        async () => (await host.generation()) === generation,
        () => `${host.name} holds generation ${generation}: ${host.agent.log.slice(-500)}`,
      );
      expect(await host.ready(), host.name).to.deep.equal(deksOf(generation).sort());
    }
    await until(async () => (await fleet('status')).status === 0, 'all hosts are well');
  };

  before(async function () {
    if (!isHere('memory for 100 agents')) console.log(`      not run: less than the memory that ${AGENTS} agents need`);
    skipWithout('memory for 100 agents', this);
    etcd = await EtcdCluster.start({names});
    directory = temporaryDirectory();
    set = new TestSet(directory);
    list = `${directory}/hosts`;
    fs.writeFileSync(list, names.join('\n'));
    await done('publish', await next(1), '--hosts', list);
    for (const name of names) hosts.push(await TestHost.make(name, etcd, keys));
    await each(hosts, start);
  });
  after(async () => {
    await each(hosts, (host) => host.remove());
    hosts = [];
    await etcd?.stop();
    if (directory) fs.rmSync(directory, {recursive: true});
  });

  it('take up what is published', async () => {
    await allHold(1);
    await done('publish', await next(2), '--all');
    await allHold(2);
  });

  it('take it up in waves, and those that were killed meanwhile when they start again', async () => {
    const killed = hosts.filter((_, i) => i % 20 === 7);
    await each(killed, (host) => host.stop('SIGKILL'));
    await until(
      async () => (await fleet('status')).stdout.toString().includes(`${killed.length} down`),
      'those that were killed are down',
    );
    const waves = ['--waves', '1,10%,50%,100%', '--max-unavailable', `${killed.length}`, '--wait', '10m'];
    await done('rollout', await next(3), '--all', ...waves);
    await each(killed, start);
    await allHold(3);
  });
});

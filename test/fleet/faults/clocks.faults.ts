/** Clocks that jump, forward and back: a host's, the store's, the operator's. Leases and monotonic time decide. */
import fs from 'node:fs';
import {join} from 'node:path';
import {setTimeout as pause} from 'node:timers/promises';
import {expect} from 'chai';
import {EtcdCluster} from '../../support/fleet/etcd.js';
import {newOfficerKeys, TestHost, TestSet, volumes} from '../../support/fleet/fleet.js';
import {SimulatedHost} from '../../support/fleet/simulated-host.js';
import {DAY, JumpingClock} from '../../support/jumping-clock.js';
import {DEK, type Run, run, runDek} from '../../support/process/run-dek.js';
import {skipWithout} from '../../support/skip.js';
import {temporaryDirectory} from '../../support/temporary-directory.js';
import {until} from '../../support/until.js';

const keys = newOfficerKeys(1);
/** Forward, and back from there; certificates are valid all the time. */
const JUMPS = [
  [0, DAY],
  [DAY, 0],
] as const;

describe('a clock that jumps', () => {
  let clock: JumpingClock;
  let etcd: EtcdCluster;
  let directory: string;
  let set: TestSet;
  let generation: number;
  const fleet = (...words: string[]): Promise<Run> => runDek(['fleet', ...words, '--fleet', etcd.uri('root')]);
  const publish = async (edition = {}): Promise<number> => {
    const path = await set.write({names: volumes(++generation), under: keys, edition});
    const {status, stderr} = await fleet('publish', path, '--host', 'node-1');
    expect(status, stderr).to.equal(0);
    return generation;
  };
  const isWell = async (): Promise<boolean> => (await fleet('status')).status === 0;
  const begin = async (how: {prefix?: string[]} = {}): Promise<void> => {
    etcd = await EtcdCluster.start({names: ['node-1'], ...how});
  };

  before(function () {
    // An agent lets nobody look into its memory, where the time is put.
    skipWithout('root', this);
    clock = new JumpingClock();
  });
  beforeEach(() => {
    clock.set(0);
    generation = 0;
    directory = temporaryDirectory();
    set = new TestSet(directory);
  });
  afterEach(async () => {
    await etcd.stop();
    fs.rmSync(directory, {recursive: true});
  });
  after(() => clock?.remove());

  describe("on a host's agent", () => {
    let host: TestHost;
    beforeEach(async () => {
      await begin();
      host = await TestHost.make('node-1', etcd, keys);
      await publish();
      await host.start({prefix: clock.prefix});
    });
    afterEach(() => host.remove());

    it('takes nothing away: what is published is taken up, and reported', async () => {
      for (const [, seconds] of JUMPS) {
        clock.set(seconds);
        const wanted = await publish();
        await until(async () => (await host.generation()) === wanted);
        expect(await host.ready()).to.deep.equal(volumes(wanted).sort());
        await until(isWell, 'the host is well');
      }
    });

    it('decides on notAfter as long as it is wrong, and no longer', async () => {
      clock.set(DAY);
      const notAfter = `${new Date(Date.now() + DAY * 500).toISOString().slice(0, 19)}Z`;
      const wanted = await publish({notAfter});
      await until(async () => (await fleet('status')).stdout.toString().includes('it was to be taken up until'));
      expect(await host.generation()).to.equal(wanted - 1);
      expect(await host.ready()).to.deep.equal(volumes(wanted - 1));
      clock.set(0);
      await until(async () => (await host.generation()) === wanted);
    });

    it('starts from the last good copy while certificates are not valid by it, and goes on from there', async () => {
      for (const seconds of [400 * DAY, -400 * DAY]) {
        await host.stop();
        const held = generation;
        const wanted = await publish();
        clock.set(seconds);
        await host.start({prefix: clock.prefix});
        expect(await host.generation()).to.equal(held);
        expect(host.agent.log).to.match(/"event":"last-good".*certificate/);
        clock.set(0);
        await until(async () => (await host.generation()) === wanted);
      }
    });
  });

  describe('on the store', () => {
    it('ends no lease early, and each in the end', async () => {
      await begin({prefix: clock.prefix});
      let host = await SimulatedHost.start('node-1', etcd.parsed('node-1'), join(directory, 'node-1'));
      const reported = async (): Promise<number> => (await etcd.store().get('/dek/status/node-1'))?.createRevision ?? 0;
      try {
        for (const [, seconds] of JUMPS) {
          const wanted = await publish();
          await until(() => host.held?.generation === wanted);
          await until(isWell, 'the host is well');
          const first = await reported();
          clock.set(seconds);
          const next = await publish();
          await until(() => host.held?.generation === next);
          await until(isWell, 'the host is well');
          expect(await reported(), 'the lease was there all the time').to.equal(first);
          await host.die();
          // Put back, etcd 3.4 ends leases late: as long as it leads.
          if (seconds === 0) {
            await etcd.signal(0, 'SIGKILL');
            await etcd.run(0);
          }
          await until(async () => (await reported()) === 0, 'the report is gone with its host');
          host = await SimulatedHost.start('node-1', etcd.parsed('node-1'), join(directory, 'node-1'));
        }
      } finally {
        await host.stop();
      }
    });
  });

  describe("on the operator's machine", () => {
    const rollout = (path: string, wait: string): Promise<Run> => {
      const words = ['fleet', 'rollout', path, '--all', '--waves', '100%', '--wait', wait, '--fleet', etcd.uri('root')];
      const [program, ...rest] = [...clock.prefix, process.execPath, DEK, ...words];
      return run(program!, rest, {});
    };
    let host: SimulatedHost;
    beforeEach(async () => {
      await begin();
      host = await SimulatedHost.start('node-1', etcd.parsed('node-1'), join(directory, 'node-1'));
      await publish();
      await until(isWell, 'the host is well');
      host.become({isReady: false});
    });
    afterEach(() => host.stop());

    it('does not end the wait for a wave, forward or back', async () => {
      for (const [before, after] of JUMPS) {
        clock.set(before);
        const path = await set.write({names: volumes(++generation), under: keys});
        const ended = rollout(path, '45s');
        await until(() => host.held?.generation === generation);
        clock.set(after);
        // Whoever looked at the clock would have stopped by the next look.
        await pause(2500);
        host.become({});
        const {status, stdout, stderr} = await ended;
        expect(status, `${stdout}${stderr}`).to.equal(0);
        host.become({isReady: false});
      }
    });

    it('does not make it longer', async () => {
      clock.set(DAY);
      const path = await set.write({names: volumes(++generation), under: keys});
      const ended = rollout(path, '4s');
      await until(() => host.held?.generation === generation);
      clock.set(0);
      const {status, stdout} = await ended;
      expect(status).to.equal(7);
      expect(stdout.toString()).to.include('is stopped');
    });
  });
});

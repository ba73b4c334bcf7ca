/**
 * etcd is killed in each single step in which a host takes up what was published, at its start and later: one member
 * alone, and of three one that is killed and one that is paused at once. Each step is that of another agent, on a
 * virtual ConnectX of its own: what it holds is read from the agent.
 */
import fs from 'node:fs';
import {expect} from 'chai';
import type {Store} from '../../../src/fleet/etcd/store.js';
import {FleetKeys} from '../../../src/fleet/layout/keys.js';
import {publish} from '../../../src/fleet/publish/publish.js';
import {readHosts} from '../../../src/fleet/status/hosts.js';
import {whyNotWell} from '../../../src/fleet/status/wellness.js';
import {Checkpoint, type When} from '../../support/fleet/checkpoint.js';
import {EtcdCluster} from '../../support/fleet/etcd.js';
import {newOfficerKeys, TestHost, TestSet, volumes} from '../../support/fleet/fleet.js';
import {forAll} from '../../support/fleet/step-cases.js';
import {temporaryDirectory} from '../../support/temporary-directory.js';
import {until} from '../../support/until.js';

const HOST = 'node-1';
const officer = newOfficerKeys(1);

/** What a host asks for: at its start, and from when it has heard of the next generation. */
const STEPS = {
  start: ['reads a pointer', 'reads pieces', 'reads pieces'],
  later: ['reads pieces', 'reads pieces', 'writes a report'],
} as const;
const MEANINGS = {
  start: ['asks for its pointer', 'fetches the pieces', 'fetches the signature'],
  later: ['fetches the pieces', 'fetches the signature', 'reports what it holds'],
} as const;

type Time = keyof typeof STEPS;
interface Place {
  readonly time: Time;
  /** -1: it hears that there is something new. */
  readonly step: number;
  readonly when: When;
}

const places: Place[] = [{time: 'later', step: -1, when: 'after'}];
for (const time of ['start', 'later'] as const) {
  for (const step of STEPS[time].keys())
    for (const when of ['before', 'after'] as const) places.push({time, step, when});
}

function titleOf({time, step, when}: Place): string {
  if (step < 0) return 'when it hears of a new pointer';
  return `${time === 'start' ? 'at its start, ' : ''}${when} it ${MEANINGS[time][step]}`;
}

/** A fleet of one host. */
class HostCase {
  readonly place: Place;
  readonly host: TestHost;
  readonly keys: FleetKeys;
  readonly #etcd: EtcdCluster;
  readonly #store: Store;
  readonly #checkpoint: Checkpoint;
  readonly #prefix: string;
  /** Steps before those that count. */
  #first = 0;
  #starting: Promise<void> = Promise.resolve();

  private constructor(etcd: EtcdCluster, store: Store, place: Place, host: TestHost, checkpoint: Checkpoint) {
    [this.#etcd, this.#store, this.place, this.host, this.#checkpoint] = [etcd, store, place, host, checkpoint];
    this.#prefix = `/fleet-${places.indexOf(place)}/`;
    this.keys = new FleetKeys(this.#prefix);
  }

  /** It holds generation 1. */
  static async prepare(etcd: EtcdCluster, store: Store, place: Place, path: string): Promise<HostCase> {
    const host = await TestHost.make(HOST, etcd, officer);
    const one = new HostCase(etcd, store, place, host, await Checkpoint.of(etcd));
    await one.publish(path);
    await one.#start();
    return one;
  }

  async publish(path: string): Promise<void> {
    const request = {path, fallback: undefined, folder: undefined, hosts: [HOST], replaceKeys: [], replaceSet: false};
    await publish(this.#store, this.keys, {...request, letGo: false, keep: 5, onProgress: () => {}});
  }

  /** It is to take up the next generation, and is stopped in its step then. */
  async takeUp(path: string): Promise<void> {
    const {time, step, when} = this.place;
    if (time === 'start') await this.host.stop('SIGKILL');
    else await until(() => this.#checkpoint.steps.includes('begins to watch'), 'the host watches');
    if (time === 'later') await until(() => this.isReported(), 'the host has said all that it has to say');
    const {steps} = this.#checkpoint;
    this.#first = steps.length;
    this.#checkpoint.stopAt(step < 0 ? steps.indexOf('begins to watch') : steps.length + step, when);
    await this.publish(path);
    if (time === 'start') this.#starting = this.#start();
  }

  get isStopped(): boolean {
    return this.#checkpoint.isStopped;
  }

  /** The steps from there on. */
  get steps(): readonly string[] {
    return this.#checkpoint.steps.slice(this.#first);
  }

  async lose(member: number): Promise<void> {
    await this.#checkpoint.lose(member);
    this.#checkpoint.letGo();
  }

  regain(member: number): Promise<void> {
    return this.#checkpoint.regain(member);
  }

  /** Resolves when its agent is READY. */
  started(): Promise<void> {
    return this.#starting;
  }

  async restart(): Promise<void> {
    await this.host.stop('SIGKILL');
    await this.#start();
  }

  /** Whether the store knows that it holds what it is to hold. */
  async isReported(): Promise<boolean> {
    const hosts = await readHosts(this.#store, this.keys);
    return whyNotWell(hosts.get(HOST)!) === undefined;
  }

  async remove(): Promise<void> {
    await this.host.remove();
    await this.#checkpoint.close();
  }

  async #start(): Promise<void> {
    const uri = this.#etcd.uri(HOST, this.#checkpoint.ports).replace('/dek?', `${this.#prefix.slice(0, -1)}?`);
    await this.host.start({uri, fastClock: false});
  }
}

for (const members of [1, 3]) {
  const words = members === 1 ? 'etcd is killed' : 'of three members one is killed and one is paused';
  describe(`${words} while a host takes up a generation`, function () {
    this.timeout(600_000);
    const directory = temporaryDirectory();
    let etcd: EtcdCluster;
    let cases: HostCase[] = [];
    /** What each held while the store was away; and after a restart then. */
    let during: string[][] = [];
    let restarted: string[][] = [];

    before(async () => {
      etcd = await EtcdCluster.start({members, names: [HOST]});
      const set = new TestSet(directory);
      const paths: string[] = [];
      for (const count of [1, 2]) {
        const path = await set.write({names: volumes(count), under: officer});
        fs.writeFileSync(`${path}.sig`, `a signature of generation ${count}`);
        paths.push(path);
      }
      const store = etcd.store();
      cases = await forAll(places, (place) => HostCase.prepare(etcd, store, place, paths[0]!));
      await forAll(cases, (one) => one.takeUp(paths[1]!));
      await until(
        () => cases.every(({isStopped}) => isStopped),
        () => `stopped: ${cases.filter((one) => !one.isStopped).map(({place}) => titleOf(place))}`,
      );
      const killed = members === 1 ? 0 : etcd.leader();
      const paused = (killed + 1) % members;
      await etcd.signal(killed, 'SIGKILL');
      if (members > 1) await etcd.signal(paused, 'SIGSTOP');
      await Promise.all(cases.map((one) => one.lose(killed)));
      await Promise.all(cases.map((one) => one.started()));
      during = await Promise.all(cases.map(({host}) => host.ready()));
      await forAll(cases, (one) => one.restart());
      restarted = await Promise.all(cases.map(({host}) => host.ready()));
      if (members > 1) await etcd.signal(paused, 'SIGCONT');
      await etcd.run(killed);
      await Promise.all(cases.map((one) => one.regain(killed)));
    });
    after(async () => {
      await forAll(cases, (one) => one.remove());
      await etcd?.stop();
      fs.rmSync(directory, {recursive: true});
    });

    for (const [i, place] of places.entries()) {
      it(`${titleOf(place)}: it holds the last good copy, or all of the next, and then the next`, async () => {
        const one = cases[i]!;
        const {time, step, when} = place;
        const expected = STEPS[time].slice(0, step + 1);
        expect(one.steps.slice(0, step + 1)).to.deep.equal(expected);
        const isWhole = time === 'later' && MEANINGS.later[step] === 'reports what it holds';
        // The answer to the last question may still come, by the member that is left.
        const mayBeWhole = members > 1 && MEANINGS[time][step] === 'fetches the signature' && when === 'after';
        const may = [...(isWhole ? [] : [volumes(1)]), ...(isWhole || mayBeWhole ? [volumes(2)] : [])];
        expect(may).to.deep.include(during[i]!);
        expect(may).to.deep.include(restarted[i]!);
        await until(
          async () => (await one.host.generation()) === 2 && (await one.isReported()),
          () => `${when} ${step}: ${one.host.agent.log.slice(-1000)}`,
        );
        expect(await one.host.ready()).to.deep.equal(volumes(2));
      });
    }
  });
}

/**
 * One operation on many fleets in one etcd, each stopped in another of its steps: then the store is broken under all of
 * them at once. What each operator is told, what its hosts hold then, and what they hold when it was done again.
 */
import fs from 'node:fs';
import {basename, join} from 'node:path';
import {Store} from '../../../src/fleet/etcd/store.js';
import {FleetKeys} from '../../../src/fleet/layout/keys.js';
import type {FleetUri} from '../../../src/fleet/uri.js';
import {temporaryDirectory} from '../temporary-directory.js';
import {until} from '../until.js';
import {Checkpoint, type When} from './checkpoint.js';
import {type EtcdCluster, LIMIT} from './etcd.js';
import {SimulatedHost, type Simulation} from './simulated-host.js';

/** The hosts of each fleet. */
export const HOSTS = ['node-1', 'node-2'] as const;
/** Fleets that are made ready at once. */
const AT_ONCE = 8;

/** What an operator does, as far as it is the same for whatever is done. */
export interface Operation {
  /** How its hosts are. */
  readonly hosts?: (one: StepCase, name: string) => Simulation;
  /** What is there before. */
  readonly prepare: (
    store: Store,
    keys: FleetKeys,
    untilAllHold: (generation: number) => Promise<void>,
  ) => Promise<void>;
  readonly run: (store: Store, keys: FleetKeys) => Promise<unknown>;
  /** What an operator does who was told that it failed, by what the message says. */
  readonly again: (store: Store, keys: FleetKeys) => Promise<unknown>;
}

/** The store that they are in, and who they are there. */
export interface Ground {
  readonly etcd: EtcdCluster;
  readonly who: Partial<FleetUri>;
}

/** A step of it, from 0 on. */
export interface Place {
  readonly step: number;
  readonly when: When;
}

export class StepCase {
  readonly place: Place;
  readonly keys: FleetKeys;
  readonly #ground: Ground;
  readonly #operation: Operation;
  readonly #prefix: string;
  readonly #directory = temporaryDirectory();
  #hosts: SimulatedHost[] = [];
  #checkpoint: Checkpoint | undefined;
  #running: Promise<unknown> = Promise.resolve();
  #hasEnded = false;
  /** What the operation ended with: what it threw, or undefined. */
  outcome: unknown;
  /** What it ended with when it was done again. */
  outcomeAgain: unknown;
  /** What each host held between the two. */
  heldBetween: (number | undefined)[] = [];
  /** What must never be and was. */
  readonly wrongs: string[] = [];

  private constructor(ground: Ground, place: Place, operation: Operation) {
    [this.#ground, this.place, this.#operation] = [ground, place, operation];
    this.#prefix = `/${basename(this.#directory)}/`;
    this.keys = new FleetKeys(this.#prefix);
  }

  static async prepare(ground: Ground, place: Place, operation: Operation): Promise<StepCase> {
    const {prepare, hosts = () => ({})} = operation;
    const one = new StepCase(ground, place, operation);
    for (const name of HOSTS) {
      const how = hosts(one, name);
      one.#hosts.push(await SimulatedHost.start(name, one.#uri(), join(one.#directory, name), how));
    }
    await one.#use((store) => prepare(store, one.keys, (generation) => one.untilAllHold(generation)));
    one.#checkpoint = await Checkpoint.of(ground.etcd);
    one.#checkpoint.stopAt(place.step, place.when);
    return one;
  }

  get held(): (number | undefined)[] {
    return this.#hosts.map(({held}) => held?.generation);
  }

  /** The lines of what a host holds: the header, and one for each DEK. */
  linesOf(host: number): number {
    return this.#hosts[host]!.text().trim().split('\n').length;
  }

  async untilAllHold(generation: number): Promise<void> {
    await until(
      () => this.held.every((one) => one === generation),
      () => `${this.held} are ${generation}`,
    );
  }

  /** The steps that were taken. */
  get steps(): readonly string[] {
    return this.#checkpoint!.steps;
  }

  get isStopped(): boolean {
    return this.#checkpoint!.isStopped;
  }

  start(): void {
    const {run} = this.#operation;
    this.#running = this.#use((store) => run(store, this.keys), this.#checkpoint!.ports).then(nothing, asIs);
  }

  /** That member was killed: the operation finds that out. */
  async lose(member: number): Promise<void> {
    await this.#checkpoint!.lose(member);
    this.#checkpoint!.letGo();
  }

  /** It is there again, if the operation has not ended meanwhile. */
  async regain(member: number): Promise<void> {
    if (!this.#hasEnded) await this.#checkpoint!.regain(member);
  }

  async ended(): Promise<void> {
    this.outcome = await this.#running;
    this.#hasEnded = true;
    await this.#checkpoint!.close();
  }

  /** Done again, if it failed; the lease of an operator who could not give the fleet back ends first. */
  async again(): Promise<void> {
    if (this.outcome === undefined) return;
    this.outcomeAgain = await this.#use(async (store) => {
      const holder = await store.get(this.keys.operator);
      if (holder) await store.revokeLease(holder.lease);
      this.heldBetween = this.held;
      await this.#operation.again(store, this.keys);
    }).then(nothing, asIs);
  }

  /** How many keys of each kind there are, but of those that end with a lease. */
  async keyCounts(): Promise<Record<string, number>> {
    const counts: Record<string, number> = {};
    await this.#use(async (store) => {
      for await (const {kvs} of store.list(this.#prefix, {keysOnly: true})) {
        for (const {key} of kvs) {
          const kind = key.slice(this.#prefix.length).split('/')[0]!;
          if (kind !== 'status' && kind !== 'operator') counts[kind] = (counts[kind] ?? 0) + 1;
        }
      }
    });
    return counts;
  }

  async remove(): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host.stop()));
    fs.rmSync(this.#directory, {recursive: true});
  }

  async #use(what: (store: Store) => Promise<unknown>, ports?: readonly number[]): Promise<void> {
    const store = new Store(this.#uri(ports), LIMIT);
    try {
      await what(store);
    } finally {
      store.close();
    }
  }

  #uri(ports?: readonly number[]): FleetUri {
    const {etcd, who} = this.#ground;
    return {...etcd.parsed('root', ports), ...who, prefix: this.#prefix};
  }
}

const nothing = (): void => {};
const asIs = (error: unknown): unknown => error;

/** Calls `what` for all of them, some at a time. */
export async function forAll<T, R>(all: readonly T[], what: (one: T, i: number) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const left = [...all.entries()];
  const work = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift())
      results[next[0]] = await what(next[1], next[0]);
  };
  await Promise.all(Array.from({length: AT_ONCE}, work));
  return results;
}

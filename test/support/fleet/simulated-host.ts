/**
 * A host of a fleet without an agent: it follows its pointer, fetches and checks what it is to hold, and reports, by
 * the code that an agent does that with; what an agent would do with the NIC it does not.
 */
import fs from 'node:fs';
import {Store} from '../../../src/fleet/etcd/store.js';
import {assertOffered} from '../../../src/fleet/host/accept.js';
import {fetchManifest} from '../../../src/fleet/host/fetch.js';
import {HeldCopy} from '../../../src/fleet/host/held.js';
import {pointersOf} from '../../../src/fleet/host/pointer-watch.js';
import {Reporter} from '../../../src/fleet/host/reporter.js';
import {FleetKeys} from '../../../src/fleet/layout/keys.js';
import {parsePointer, type Target} from '../../../src/fleet/layout/pointer.js';
import type {Report} from '../../../src/fleet/layout/report.js';
import type {FleetUri} from '../../../src/fleet/uri.js';
import {LIMIT} from './etcd.js';

export interface Simulation {
  /** Why it does not take this up, as an agent whose NIC refuses it; undefined: it does. */
  readonly refuses?: (target: Target) => string | undefined;
  /** Whether its DEKs are READY and its login VALID. */
  readonly isReady?: boolean;
  /** Whether it proves its DEKs. */
  readonly proves?: boolean;
  /** Whether its NICs take the next login. */
  readonly nextLogin?: Report['nextLogin'];
}

export class SimulatedHost {
  readonly name: string;
  readonly #store: Store;
  readonly #keys: FleetKeys;
  readonly #copy: HeldCopy;
  readonly #reporter: Reporter;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #how: Simulation;
  #why: string | null = null;

  private constructor(name: string, store: Store, keys: FleetKeys, copy: HeldCopy, how: Simulation) {
    [this.name, this.#store, this.#keys, this.#copy, this.#how] = [name, store, keys, copy, how];
    this.#reporter = new Reporter(store, keys, name);
  }

  static async start(name: string, uri: FleetUri, directory: string, how: Simulation = {}): Promise<SimulatedHost> {
    const copy = await HeldCopy.open(directory, name);
    const host = new SimulatedHost(name, new Store(uri, LIMIT), new FleetKeys(uri.prefix), copy, how);
    host.#report();
    host.#running = host.#follow();
    return host;
  }

  get held(): Target | undefined {
    return this.#copy.held?.target;
  }

  /** The text of what it holds. */
  text(): string {
    return fs.readFileSync(this.#copy.path!, 'utf8');
  }

  /** From now on it is otherwise. */
  become(how: Simulation): void {
    this.#how = how;
    this.#report();
  }

  /** As one that was killed: what it has said is not taken back. */
  async die(): Promise<void> {
    this.#store.close();
    await this.stop();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#reporter.close();
    this.#store.close();
  }

  async #follow(): Promise<void> {
    const {signal} = this.#stop;
    const onLost = (): void => {};
    for await (const kv of pointersOf(this.#store, this.#keys, {host: this.name, signal, onLost})) {
      try {
        if (kv) await this.#take(parsePointer(kv.value, this.name));
      } catch (error) {
        this.#why = (error as Error).message;
      }
      this.#report();
    }
  }

  async #take(target: Target): Promise<void> {
    if (target.digest === this.held?.digest) return;
    const path = this.#copy.pathOf(target);
    const {signal} = this.#stop;
    await fetchManifest(this.#store, this.#keys, target, {path, local: this.#copy.path, signal});
    await assertOffered(path, target, {host: this.name, held: this.held});
    const why = this.#how.refuses?.(target);
    if (why !== undefined) throw new Error(why);
    await this.#copy.hold(target);
    this.#why = null;
  }

  #report(): void {
    const {held} = this;
    const {isReady = true, proves = false, nextLogin = null} = this.#how;
    const deks = held?.deks ?? 0;
    this.#reporter.tell({
      id: held?.id ?? null,
      generation: held?.generation ?? null,
      digest: held?.digest ?? null,
      kcv: held?.kcv ?? null,
      total: deks,
      ready: deks,
      proven: proves ? deks : 0,
      wrong: 0,
      isReady,
      login: 'VALID',
      nextLogin,
      old: 0,
      version: 'simulated',
      since: this.#copy.held?.since ?? null,
      why: this.#why,
    });
  }
}

/**
 * One NIC of the agent: its context, its login, and the DEKs that it should hold.
 */

import type {DekState} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import type {Dek, DekColumn, Device, NicImportMode} from '../../rdma/index.js';
import type {Sharing} from '../../rdma/shared/sharing.js';
import type {Events} from '../events.js';
import type {NicStatus} from '../protocol.js';
import {type HeldDek, loseHandle} from './held-dek.js';
import {makeDeks} from './make.js';
import {NicDevice} from './nic-device.js';
import {NicLogin} from './nic-login.js';
import {Proving} from './proving.js';
import {retryBusy} from './retry.js';
import type {Takeover} from './takeover.js';

export class Nic {
  readonly login: NicLogin;
  /** What should be there, by name. */
  deks = new Map<string, HeldDek>();
  readonly #device: NicDevice;
  readonly #events: Events;
  /** Destroyed for the agent, but not yet by the NIC. */
  readonly #dismissed = new Set<Dek>();
  /** Whether a service may still use a DEK: it is not destroyed then, and the service's to give back. */
  keep: ((dek: Dek) => boolean) | undefined;
  /** What tells the keys of its DEKs, where another process may have to know; undefined where none has. */
  identities: WeakMap<Dek, Uint8Array> | undefined;
  /** DEKs of an agent before this one, which are not made again. */
  takeover: Takeover | undefined;

  private constructor(device: NicDevice, events: Events) {
    this.login = new NicLogin(device, events);
    this.#device = device;
    this.#events = events;
  }

  /** Opens the NIC. Throws what `openDevice` throws. */
  static async open(deviceName: string | undefined, events: Events): Promise<Nic> {
    return new Nic(await NicDevice.open(deviceName, events), events);
  }

  /** In the context that a service lends. */
  static lent(device: Device, events: Events): Nic {
    return new Nic(NicDevice.lent(device, events), events);
  }

  /** In a context that an agent before this one has opened. */
  static takenUp(device: Device, events: Events): Nic {
    return new Nic(NicDevice.takenUp(device, events), events);
  }

  /** The side of its context that a service shares. */
  get sharing(): Sharing {
    return this.#device.sharing;
  }

  /** `mlx5_0` */
  get name(): string {
    return this.#device.name;
  }

  /** Whether `name` (mlx5_0, a PCI address, a node GUID) means this NIC. */
  isCalled(name: string): boolean {
    return this.#device.isCalled(name);
  }

  /** Whether the NIC stopped answering. */
  get gone(): boolean {
    return this.#device.gone;
  }

  /** How many commands on DEKs it has answered since it was opened. */
  get answers(): number {
    return this.#device.answers;
  }

  get importMode(): NicImportMode {
    return this.#device.importMode;
  }

  /** DEKs that it can hold for all processes together, as it said last; 0 when it did not. */
  get maxDeks(): number {
    return this.#device.maxDeks;
  }

  /** As it is when the login has answered. */
  async status(): Promise<NicStatus> {
    const login = await this.login.status();
    const {name, importMode, gone, maxDeks} = this;
    return {name, importMode, gone, login, maxDeks};
  }

  /** Makes the DEKs of a column: the DEK, with `query` found READY, or why there is none for each, in order. */
  async make(column: DekColumn, query: boolean): Promise<readonly (Dek | DekError)[]> {
    const started = performance.now();
    const results = await makeDeks(this.#device, column, query ? (deks) => this.dismiss(deks) : undefined);
    const refused: string[] = [];
    for (const result of results) if (result instanceof DekError) refused.push(result.errno ?? result.code);
    const seconds = (performance.now() - started) / 1000;
    this.#events.emit('debug', 'made', {device: this.name, deks: results.length - refused.length, refused, seconds});
    return results;
  }

  /** The state of each DEK, in order. */
  query(deks: readonly Dek[]): Promise<readonly (DekState | DekError)[]> {
    return this.#device.query(deks);
  }

  /** What proves its DEKs, until it is closed. */
  openProving(): Promise<Proving> {
    return this.sharing.whileMakingQueues(() => Proving.open(this.#device.device));
  }

  /** Asks for the state of the DEKs of these names, as far as there are any. */
  async refresh(names: readonly string[]): Promise<void> {
    const held = names.flatMap((name) => this.deks.get(name) ?? []);
    const alive = held.filter(({dek}) => dek && !this.gone);
    const asked = alive.map(({dek}) => dek!);
    const states = await this.query(asked);
    for (const one of held) if (!one.dek || this.gone) one.state = 'UNKNOWN';
    for (const [i, one] of alive.entries()) {
      if (one.dek !== asked[i]) continue; // replaced meanwhile: the answer is about another
      one.state = states[i] instanceof DekError ? 'UNKNOWN' : states[i]!;
    }
  }

  /** Destroys DEKs; what each failed with, in order, or undefined. One that was destroyed before has not failed. */
  async destroy(deks: readonly Dek[]): Promise<(DekError | undefined)[]> {
    const {keep} = this;
    if (!keep) return this.destroyNow(deks);
    const free = deks.filter((dek) => !keep(dek));
    const results = new Map((await this.destroyNow(free)).map((result, i) => [free[i], result]));
    return deks.map((dek) => results.get(dek));
  }

  /** The same, also of what a service may use. */
  async destroyNow(deks: readonly Dek[]): Promise<(DekError | undefined)[]> {
    const results = await this.#device.watchAll((device) =>
      retryBusy<Dek, undefined>(deks, (some) => device.destroyDeks(some)),
    );
    return results.map((result) => (result?.code === 'CLOSED' ? undefined : result));
  }

  /**
   * Destroys DEKs that are no part of the set any more. Those that the NIC will not let go of are tried again later.
   */
  async dismiss(deks: readonly Dek[]): Promise<void> {
    const results = await this.destroy(deks);
    const left = deks.filter((_, i) => results[i] && !this.gone);
    for (const dek of left) this.#dismissed.add(dek);
    if (left.length > 0) this.#events.emit('warn', 'destroy-failed', {device: this.name, deks: left.length});
  }

  /** Tries again to destroy what `dismiss` could not. */
  async dismissAgain(): Promise<void> {
    const deks = [...this.#dismissed];
    this.#dismissed.clear();
    await this.dismiss(deks);
  }

  /** What is destroyed for the agent, but not yet by the NIC. */
  get dismissed(): Iterable<Dek> {
    return this.#dismissed;
  }

  /**
   * Opens the NIC anew when it was gone, or when it can do something else now than libmlx5 read at the open and none of
   * its DEKs may be in use: its login and all its DEKs are missing then. A firmware command. Throws what `openDevice`
   * throws while it is not back.
   */
  async renew(): Promise<void> {
    if (!(await this.#device.isOutdated())) return;
    if (this.gone || (!this.keep && (await this.#isIdle()))) await this.#reopen();
  }

  /** Whether nothing can use a DEK of this context. What is in ERROR is destroyed: that tells. */
  async #isIdle(): Promise<boolean> {
    if ([...this.deks.values()].some(({dek, state}) => dek && state !== 'ERROR')) return false;
    const broken: Dek[] = [];
    for (const held of this.deks.values()) {
      if (held.dek) broken.push(held.dek);
      loseHandle(held);
    }
    await this.dismiss(broken);
    return this.#dismissed.size === 0;
  }

  /** Gives the context up, with all that is in it: the next check opens another. */
  abandon(): void {
    this.#device.abandon();
  }

  async #reopen(): Promise<void> {
    const {gone, importMode} = this;
    const {operational} = this.#device.device.caps;
    const closeOld = await this.#device.reopen();
    this.login.forget();
    this.#dismissed.clear();
    for (const held of this.deks.values()) {
      loseHandle(held);
      held.state = 'UNKNOWN';
    }
    // A service that shares the context is soon told of the next one and its PD; why there is none it is told then.
    if (this.keep) await this.sharing.allocPd().catch(() => {});
    const {caps} = this.#device.device;
    if (gone) this.#events.emit('warn', 'device-back', {device: this.name, missingDeks: this.deks.size});
    else if (caps.importMode !== importMode || caps.operational !== operational) {
      this.#events.emit('warn', 'device-changed', {
        device: this.name,
        importMode: caps.importMode,
        operational: caps.operational,
        missingDeks: this.deks.size,
      });
    }
    await closeOld();
  }

  /** Lets go of a context that is another process's too: DEKs and login stay there. */
  async release(): Promise<void> {
    this.deks.clear();
    await this.sharing.release();
  }

  /** Destroys all DEKs, logs out, closes. */
  async close(): Promise<void> {
    this.deks.clear();
    await this.#device.close();
  }
}

/** Two names may mean one NIC: mlx5_0 and its PCI address. Throws BAD_ARGUMENT. */
export function assertDistinct(nics: readonly Nic[]): void {
  const names = nics.map(({name}) => name);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice) throw new DekError('BAD_ARGUMENT', `${twice} is named twice`, {hint: 'dek device list shows the names'});
}

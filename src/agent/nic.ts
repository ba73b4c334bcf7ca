/**
 * One NIC of the agent: its context, its login, and the DEKs that it should hold. A DEK that should be there and is not,
 * because the NIC went away or would not make it again, stays in the list without a handle, for the health check to heal.
 */
import {DekError} from '../errors.js';
import type {Dek, DekState} from '../rdma/index.js';
import type {DekLayout} from '../wrap/layout.js';
import {allOf, createOn, type Material} from './create-on.js';
import type {Events} from './events.js';
import {NicDevice} from './nic-device.js';
import {NicLogin} from './nic-login.js';
import type {DekStatus, NicStatus} from './protocol.js';
import {retryBusy} from './retry.js';

/** A DEK that should be on the NIC. Kept small: there may be a hundred thousand. */
export interface HeldDek {
  /** Null while it is missing. */
  dek: Dek | null;
  /** What the NIC said last. */
  state: DekStatus['state'];
  /** The number of the apply whose manifest named it last. */
  round: number;
  readonly layout: DekLayout;
  /** The label, 8 bytes in hex; empty when all of it is zero. */
  readonly opaque: string;
  /** Tells one wrapped key from another without keeping it; 0 when it did not come from a manifest. */
  readonly fingerprint: number;
  /** The wrapped key, to make it again when no manifest tells: null for those of a manifest, and for plaintext keys. */
  readonly wrapped: Uint8Array | null;
}

export class Nic {
  readonly login: NicLogin;
  /** What should be there, by name. */
  deks = new Map<string, HeldDek>();
  readonly #device: NicDevice;
  readonly #events: Events;
  /** Destroyed for the agent, but not yet by the NIC. */
  readonly #dismissed = new Set<Dek>();

  private constructor(device: NicDevice, events: Events) {
    this.login = new NicLogin(device, events);
    this.#device = device;
    this.#events = events;
  }

  /** Opens the NIC. Throws what `openDevice` throws. */
  static async open(deviceName: string | undefined, events: Events): Promise<Nic> {
    return new Nic(await NicDevice.open(deviceName, events), events);
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

  get importMode(): string {
    return this.#device.importMode;
  }

  /** DEKs that it can hold for all processes together, as it said last; 0 when it did not. */
  get maxDeks(): number {
    return this.#device.maxDeks;
  }

  status(): NicStatus {
    const {name, importMode, gone, maxDeks} = this;
    return {name, importMode, gone, login: this.login.status(), maxDeks};
  }

  /**
   * Makes the DEKs at these positions and asks the NIC for each whether it is READY: the DEK or why there is none, in the order of
   * the positions. One that is not READY is destroyed again.
   */
  async make(material: Material, positions: readonly number[] = allOf(material)): Promise<readonly (Dek | DekError)[]> {
    const started = performance.now();
    const unfit = new Map<Dek, DekState | DekError>();
    let results = await this.#device.watchAll(() =>
      retryBusy(positions, (some) => createOn(this.#device.device, material, some, unfit)),
    );
    if (unfit.size > 0) results = await this.#dismissUnfit(results, unfit);
    const refused: string[] = [];
    for (const result of results) if (result instanceof DekError) refused.push(result.errno ?? result.code);
    const seconds = (performance.now() - started) / 1000;
    this.#events.emit('debug', 'made', {device: this.name, deks: results.length - refused.length, refused, seconds});
    return results;
  }

  /** Destroys those that are not READY, and puts why into `results` in their place. */
  async #dismissUnfit(
    results: readonly (Dek | DekError)[],
    unfit: Map<Dek, DekState | DekError>,
  ): Promise<(Dek | DekError)[]> {
    for (const state of unfit.values()) this.#device.notice(state);
    const busy = [...unfit].flatMap(([dek, state]) => (state instanceof DekError && state.code === 'BUSY' ? dek : []));
    for (const [i, state] of (await this.query(busy)).entries()) {
      if (state === 'READY') unfit.delete(busy[i]!);
      else unfit.set(busy[i]!, state);
    }
    await this.dismiss([...unfit.keys()]);
    return results.map((dek) => {
      const state = dek instanceof DekError ? undefined : unfit.get(dek);
      if (state === undefined || state instanceof DekError) return state ?? dek;
      return new DekError('NOT_READY', `the NIC made it, but says ${state}`);
    });
  }

  /** The state of each DEK, in order. */
  query(deks: readonly Dek[]): Promise<readonly (DekState | DekError)[]> {
    return this.#device.watchAll(() => retryBusy(deks, (some) => this.#device.device.queryDeks(some)));
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
    const results = await this.#device.watchAll(() =>
      retryBusy<Dek, undefined>(deks, (some) => this.#device.device.destroyDeks(some)),
    );
    return results.map((result) => (result?.code === 'CLOSED' ? undefined : result));
  }

  /** Destroys DEKs that are no part of the set any more. Those that the NIC will not let go of are tried again later. */
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

  /**
   * Opens the NIC anew when it was gone, or when it can do something else now than libmlx5 read at the open and none of
   * its DEKs may be in use: its login and all its DEKs are missing then. A firmware command. Throws what `openDevice`
   * throws while it is not back.
   */
  async renew(): Promise<void> {
    if (this.#device.isOutdated() && (this.gone || (await this.#isIdle()))) await this.#reopen();
  }

  /** Whether nothing can use a DEK of this context. What is in ERROR is destroyed: that tells. */
  async #isIdle(): Promise<boolean> {
    if ([...this.deks.values()].some(({dek, state}) => dek && state !== 'ERROR')) return false;
    const broken: Dek[] = [];
    for (const held of this.deks.values()) {
      if (held.dek) broken.push(held.dek);
      held.dek = null;
    }
    await this.dismiss(broken);
    return this.#dismissed.size === 0;
  }

  async #reopen(): Promise<void> {
    const {gone, importMode} = this;
    const {operational} = this.#device.device.caps;
    const closeOld = await this.#device.reopen();
    this.login.forget();
    this.#dismissed.clear();
    for (const held of this.deks.values()) {
      held.dek = null;
      held.state = 'UNKNOWN';
    }
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

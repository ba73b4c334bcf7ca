/**
 * What the agent holds: DEKs by name, the same on each of its NICs. A change (login, create, destroy, apply, heal) runs
 * alone, one after the other; questions are answered at any time. A change that fails leaves what was there before.
 */

import {hideKey, toHex} from '../../bytes.js';
import {
  type DekState,
  type ImportMode,
  type LoginOptions,
  layoutOfPlaintext,
  layoutOfWrapped,
  OPAQUE_BYTES,
} from '../../dek-layout.js';
import {DekError, withMessage} from '../../errors.js';
import {deviceName} from '../../nics.js';
import type {Dek} from '../../rdma/index.js';
import type {Events} from '../events.js';
import {type HeldDek, heldDek} from '../nic/held-dek.js';
import {assertDistinct, Nic} from '../nic/nic.js';
import {proofError} from '../proof-words.js';
import type {AgentStatus, DekStatus, DestroyRequest, LoginStatus} from '../protocol.js';
import {assertWanted} from '../wanted.js';
import {countStates, dekStatus} from './dek-status.js';
import {changeLogins, destroyOn} from './on-nics.js';
import {proveHeld} from './prove.js';

/** DEKs that `list` asks the NIC for at a time. */
const BATCH = 512;

const NEVER = new AbortController().signal;

/** A DEK to create. */
export interface NewDek {
  readonly name: string;
  readonly import: ImportMode;
  /** As `import` says; the caller wipes it. */
  readonly key: Uint8Array;
  /** Of a plaintext key: whether the NIC is to decide about one whose key1 equals key2. */
  readonly allowEqualKeys?: boolean;
  /** Up to 8 bytes. */
  readonly opaque: Uint8Array;
  /** The check value, 16 bytes, and the keytag, 8 bytes: for proofs. */
  readonly dcv?: Uint8Array | undefined;
  readonly keytagValue?: Uint8Array | undefined;
}

/** The NIC of this name in a context that an agent before this one has opened, if there is one. */
export type TakeUp = (name: string) => Promise<Nic | undefined>;

export class DekSet {
  readonly nics: readonly Nic[];
  readonly events: Events;
  /** The share of its DEKs that is proven before they are used; 0 for none. */
  readonly proveShare: number;
  /** Its NIC may be one of several that the manifest names. */
  readonly isLent: boolean;
  /** The last change that was begun; the next one waits for it. */
  #last: Promise<unknown> = Promise.resolve();
  #namedBy = 0;
  /** What runs alone and long, so that others are refused instead of kept waiting. */
  #long: string | undefined;

  private constructor(nics: readonly Nic[], events: Events, proveShare: number, isLent = false) {
    this.nics = nics;
    this.events = events;
    this.proveShare = proveShare;
    this.isLent = isLent;
  }

  /** Opens NICs: those named, or the only one. Throws what `openDevice` throws, and leaves none open then. */
  static async open(
    devices: readonly (string | undefined)[],
    events: Events,
    proveShare = 0,
    takeUp?: TakeUp,
  ): Promise<DekSet> {
    const nics: Nic[] = [];
    try {
      for (const device of devices) {
        nics.push((await takeUp?.(deviceName(device))) ?? (await Nic.open(device, events)));
      }
      assertDistinct(nics);
    } catch (error) {
      for (const nic of nics) await nic.close();
      throw error;
    }
    return new DekSet(nics, events, proveShare);
  }

  /** Of the context that a service lends. */
  static lent(nic: Nic, events: Events, proveShare: number): DekSet {
    return new DekSet([nic], events, proveShare, true);
  }

  get deviceNames(): string {
    return this.nics.map(({name}) => name).join(', ');
  }

  /** How many commands on DEKs the NICs have answered since they were opened. */
  get answers(): number {
    return this.nics.reduce((sum, nic) => sum + nic.answers, 0);
  }

  /** As it is when the logins have answered. */
  async status(): Promise<Pick<AgentStatus, 'devices' | 'deks' | 'proveShare'>> {
    const devices = await Promise.all(this.nics.map((nic) => nic.status()));
    return {devices, deks: this.count(), proveShare: this.proveShare || null};
  }

  /** DEKs by what the NICs said of them last. */
  count(): AgentStatus['deks'] {
    return countStates(this.nics);
  }

  /** The number of the next apply. */
  nextApply(): number {
    return ++this.#namedBy;
  }

  /** Logs in to every NIC where there is no VALID login, or to none. Throws EXISTS when there is one everywhere. */
  login({credential, credentialId, importKekId}: LoginOptions, signal?: AbortSignal): Promise<LoginStatus> {
    const request = {credential: Uint8Array.from(credential), credentialId, importKekId};
    return this.alone({signal}, async () => {
      for (const nic of this.nics) await nic.renew();
      const valid = await Promise.all(this.nics.map(({login}) => login.isHeld()));
      const needed = this.nics.filter((_, i) => !valid[i]);
      if (needed.length === 0) {
        throw new DekError('EXISTS', `the agent is logged in to ${this.deviceNames} already`, {
          hint: 'dek logout first',
        });
      }
      await changeLogins(needed, (nic) => nic.login.open(request));
      return (await needed[0]!.login.status())!;
    });
  }

  /** Logs out of every NIC where there is a login, or of none. Throws NO_LOGIN when there is one nowhere. */
  logout(signal?: AbortSignal): Promise<void> {
    return this.alone({signal}, async () => {
      if (!this.nics.some(({login}) => login.isWanted)) for (const nic of this.nics) nic.login.assertThere();
      await changeLogins(this.nics, (nic) => nic.login.close());
    });
  }

  /**
   * Creates a DEK on every NIC, or on none: also when `signal` fires before it is there. An agent that proves DEKs
   * proves it first.
   */
  create(request: NewDek, signal?: AbortSignal): Promise<DekStatus> {
    const {name, key, opaque, allowEqualKeys = false, dcv, keytagValue} = request;
    const wrapped = request.import === 'wrapped';
    const layout = wrapped ? layoutOfWrapped(key.length) : layoutOfPlaintext(key.length);
    const {keySize, keytag} = layout;
    if (keytagValue && !keytag) {
      throw new DekError('BAD_ARGUMENT', 'a key of this length has no keytag, but the value of one is given', {
        hint: 'leave the value out, or wrap the key with a keytag: dek keygen --keytag',
      });
    }
    const label = new Uint8Array(OPAQUE_BYTES);
    label.set(opaque);
    return this.alone({signal}, async () => {
      if (this.nics.some((nic) => nic.deks.has(name))) {
        throw new DekError('EXISTS', `a DEK named ${name} already exists`, {hint: `dek destroy ${name}`});
      }
      for (const nic of this.nics) {
        // What libmlx5 would refuse may be possible now.
        if (nic.gone || nic.importMode !== request.import) await nic.renew();
        if (wrapped) nic.login.assertThere();
      }
      const column = {keySize, keytag, [request.import]: key, opaque: label, allowEqualKeys};
      const mustProve = this.proveShare > 0;
      // A wrapped key is ciphertext: kept to make the DEK again. A plaintext key is not.
      const known = {namedBy: 0, wrapped: wrapped ? Uint8Array.from(key) : null, mustProve};
      const marks = {
        dcvs: [dcv ? toHex(dcv) : null],
        dcvHints: [null],
        keytagValues: [keytagValue ? toHex(keytagValue) : null],
      };
      const made: HeldDek[] = [];
      try {
        for (const nic of this.nics) {
          const [dek] = await nic.make(column, true);
          if (dek instanceof DekError) throw dek;
          made.push(heldDek({layout, opaque: label, fingerprints: [0], ...marks}, 0, {...known, dek: dek!}));
        }
        if (mustProve) await this.#prove(name, made, signal);
        assertWanted(signal);
      } catch (error) {
        for (const [i, {dek}] of made.entries()) await this.nics[i]!.dismiss([dek!]);
        throw error;
      }
      for (const [i, nic] of this.nics.entries()) nic.deks.set(name, made[i]!);
      this.events.emit('info', 'create', {name, keySize, keytag, import: request.import});
      const results = new Map([['ok', [{name, dcv: marks.dcvs[0]!}]]]);
      for (const {name: device} of this.nics) {
        this.events.audit(() => ({kind: 'create', device, by: signal, manifest: {}, results}));
      }
      return dekStatus(this.nics, name);
    });
  }

  /** Asks the NICs for one DEK. Throws NO_DEK, or why a NIC does not tell. */
  async query(name: string): Promise<DekStatus> {
    for (const nic of this.nics) {
      let held = this.#held(nic, name);
      let state: DekState | DekError | undefined;
      for (let asked: Dek | null | undefined; held.dek !== asked; held = this.#held(nic, name)) {
        asked = held.dek; // made anew meanwhile, the next one is asked: the answer was about another
        [state] = asked ? await nic.query([asked]) : [];
      }
      held.state = state === undefined || state instanceof DekError ? 'UNKNOWN' : state;
      if (state instanceof DekError) throw state;
    }
    return dekStatus(this.nics, name);
  }

  /** Asks the NICs for every DEK; one that they do not tell about is UNKNOWN. */
  async list(signal?: AbortSignal): Promise<DekStatus[]> {
    await this.refresh(signal);
    return [...this.#first.deks.keys()].map((name) => dekStatus(this.nics, name));
  }

  /** Asks the NICs for every DEK, so that what `count` and `list` say is of now. */
  async refresh(signal?: AbortSignal): Promise<void> {
    const names = [...this.#first.deks.keys()];
    for (let i = 0; i < names.length; i += BATCH) {
      assertWanted(signal);
      for (const nic of this.nics) await nic.refresh(names.slice(i, i + BATCH));
    }
  }

  /**
   * Destroys DEKs and returns their names. All names are looked up first: NO_DEK leaves all of them alive. One that a
   * NIC does not let go of stays in the set: where it is gone by then it is missing, which the health check mends.
   */
  destroy(request: DestroyRequest, signal?: AbortSignal): Promise<string[]> {
    return this.alone({signal}, async () => {
      const names = this.namesOf(request);
      const failed = new Map<string, DekError>();
      for (const nic of this.nics) for (const [name, error] of await destroyOn(nic, names)) failed.set(name, error);
      for (const nic of this.nics) for (const name of names) if (!failed.has(name)) nic.deks.delete(name);
      for (const [name, error] of failed) throw withMessage(error, `${name}: ${error.message}`);
      this.events.emit('info', 'destroy', names.length === 1 ? {name: names[0]!} : {deks: names.length});
      return names;
    });
  }

  /** The names that a request means, each once. Throws NO_DEK when one is unknown. */
  namesOf(request: DestroyRequest): string[] {
    const names = [...new Set('names' in request ? request.names : this.#first.deks.keys())];
    for (const name of names) this.#held(this.#first, name);
    return names;
  }

  /** Resolves when no change is under way. */
  async settled(): Promise<void> {
    await this.#last.catch(() => {});
  }

  /** Closes the NICs and leaves what is on them to whom has their contexts as well. */
  async release(): Promise<void> {
    await this.settled();
    for (const nic of this.nics) await nic.release();
  }

  /** Destroys the DEKs, logs out and closes the NICs. */
  async close(): Promise<void> {
    await this.settled();
    for (const nic of this.nics) await nic.close();
  }

  /**
   * Runs a change when those before it are done, unless `signal` has fired by then. With `long`, its name, changes that
   * come meanwhile are refused as BUSY.
   */
  alone<T>({signal, long}: {signal?: AbortSignal | undefined; long?: string}, change: () => Promise<T>): Promise<T> {
    if (this.#long) {
      return Promise.reject(
        new DekError('BUSY', `${this.#long} is running in this agent`, {hint: 'try again when it is done'}),
      );
    }
    const run = async (): Promise<T> => {
      try {
        assertWanted(signal);
        return await change();
      } finally {
        if (long) this.#long = undefined;
      }
    };
    if (long) this.#long = long;
    const result = this.#last.then(run, run);
    this.#last = result.catch(() => {});
    return result;
  }

  /**
   * `alone`, or not at all while something long runs: an apply makes all whole itself, and the next check sees what is
   * left.
   */
  async aloneOrNot(change: () => Promise<void>): Promise<void> {
    try {
      await this.alone({}, change);
    } catch (error) {
      if (!(error instanceof DekError && error.code === 'BUSY')) throw error;
    }
  }

  /** A DEK that is on every NIC and not yet in the set. Throws what is wrong with it. */
  async #prove(name: string, made: readonly HeldDek[], signal = NEVER): Promise<void> {
    for (const [i, nic] of this.nics.entries()) {
      const bad = await proveHeld(nic, [[name, made[i]!]], {events: this.events, signal});
      if (bad.length > 0) throw proofError(bad, 'it was not created');
    }
  }

  /** `alone`, also when that means to wait for something long. */
  async whenAlone(change: () => Promise<void>): Promise<void> {
    const result = this.#last.then(change, change);
    this.#last = result.catch(() => {});
    await result;
  }

  /** Its names are those of all: every change is made on all NICs. */
  get #first(): Nic {
    return this.nics[0]!;
  }

  #held(nic: Nic, name: string): HeldDek {
    const held = nic.deks.get(name);
    if (!held)
      throw new DekError('NO_DEK', `there is no DEK named ${hideKey(name)}`, {hint: 'dek list shows the names'});
    return held;
  }
}

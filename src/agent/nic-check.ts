/**
 * The health check of one NIC: every interval its login and every DEK are asked for, spread over the interval so that nothing
 * else has to wait, and what is broken is made whole: a login that turned INVALID, a DEK in ERROR, a NIC that went away.
 */
import {setTimeout as pause} from 'node:timers/promises';
import {fromHex, toHex} from '../bytes.js';
import {DekError} from '../errors.js';
import {layoutOf} from '../wrap/layout.js';
import {heldOf, makeEntries} from './apply.js';
import {fingerprint} from './fingerprint.js';
import type {Follower} from './follower.js';
import type {Holder} from './holder.js';
import type {HeldDek, Nic} from './nic.js';

/** DEKs that are asked for, or made again, at a time. */
const BATCH = 256;
const FIRST_REOPEN_PAUSE_MS = 250;
/** Names that an event lists before it only counts. */
const NAMES_SHOWN = 10;

/** What a DEK is made again from. */
interface Source {
  readonly name: string;
  readonly keySize: 128 | 256;
  readonly keytag: boolean;
  readonly opaque: Uint8Array;
  readonly wrapped: Uint8Array;
}

export class NicCheck {
  heals = 0;
  readonly #nic: Nic;
  readonly #holder: Holder;
  readonly #follower: Follower;
  readonly #intervalMs: number;
  /** How the NIC took DEKs when the agent started. */
  readonly #importMode: string;
  #stopped = false;
  #reopenPauseMs = FIRST_REOPEN_PAUSE_MS;
  /** The pause that is being made. */
  #sleep = new AbortController();

  constructor(nic: Nic, holder: Holder, follower: Follower, intervalMs: number) {
    this.#nic = nic;
    this.#holder = holder;
    this.#follower = follower;
    this.#intervalMs = intervalMs;
    this.#importMode = nic.importMode;
  }

  get name(): string {
    return this.#nic.name;
  }

  wake(): void {
    this.#sleep.abort();
  }

  stop(): void {
    this.#stopped = true;
    this.wake();
  }

  async run(): Promise<void> {
    while (!this.#stopped) {
      // A NIC that is gone is looked for sooner, with pauses that grow up to the interval.
      await this.#pause(this.#nic.gone ? this.#growingPause() : this.#intervalMs * (0.9 + 0.2 * Math.random()));
      if (this.#stopped) return;
      try {
        await this.#check();
      } catch (error) {
        this.#tell('error', 'check-failed', {error: (error as Error).message});
      }
    }
  }

  async #check(): Promise<void> {
    const nic = this.#nic;
    if (this.#isToBeOpened() && !(await this.#reopened())) return;
    await this.#checkLogin();
    // Alone: an apply may open the NIC anew meanwhile, and what it has to destroy would be of another context then.
    await this.#alone(() => nic.dismissAgain());
    const names = [...nic.deks.keys()];
    const slices = Math.ceil(names.length / BATCH);
    // Once one is broken the rest is asked for without pauses: to heal all takes one reading of the manifest then.
    let broken = false;
    for (let i = 0; i < slices && !nic.gone && !this.#stopped; i++) {
      const some = names.slice(i * BATCH, (i + 1) * BATCH);
      await nic.refresh(some);
      broken ||= some.some((name) => isBroken(nic, name));
      if (slices > 1 && !broken) await this.#pause((0.8 * this.#intervalMs) / slices);
    }
    if (broken) await this.#heal(names);
  }

  /**
   * Whether the NIC is gone, or was opened while it did not tell what it can: libmlx5 asks for the capabilities once, when it
   * opens a NIC, and takes one that does not answer for one without crypto.
   */
  #isToBeOpened(): boolean {
    const nic = this.#nic;
    return nic.gone || (nic.importMode !== this.#importMode && !isLoggedIn(nic));
  }

  #growingPause(): number {
    const now = this.#reopenPauseMs;
    this.#reopenPauseMs = Math.min(2 * now, this.#intervalMs);
    return now * (0.9 + 0.2 * Math.random());
  }

  /** Opens the NIC anew, logs in and makes everything again at once; false while it is not back. */
  async #reopened(): Promise<boolean> {
    const nic = this.#nic;
    try {
      await this.#holder.alone(async () => {
        if (this.#isToBeOpened()) await nic.reopen();
      });
    } catch {
      return false; // said once, when it went
    }
    this.#reopenPauseMs = FIRST_REOPEN_PAUSE_MS;
    await this.#checkLogin();
    await this.#heal([...nic.deks.keys()]);
    return !nic.gone;
  }

  /** Logs in again where the login is gone or not VALID: by the manifest on disk, else as the last time. */
  async #checkLogin(): Promise<void> {
    const nic = this.#nic;
    if (!nic.lastLogin || isLoggedIn(nic)) return;
    const onDisk = await this.#follower.loginOnDisk();
    await this.#alone(async () => {
      const {lastLogin} = nic;
      if (nic.gone || !lastLogin || isLoggedIn(nic)) return;
      if ((onDisk && (await nic.tryLogin(onDisk))) || (await nic.tryLogin(lastLogin))) {
        this.heals++;
        this.#tell('warn', 'heal', {login: true});
      }
    });
  }

  /** Makes again what of these is in ERROR or missing. */
  async #heal(names: readonly string[]): Promise<void> {
    const nic = this.#nic;
    if (this.#stopped || nic.gone || !isLoggedIn(nic) || !names.some((name) => isBroken(nic, name))) return;
    await this.#alone(async () => {
      const ofManifest = new Set<string>();
      const known: Source[] = [];
      const lost: string[] = [];
      for (const name of names) {
        const held = nic.deks.get(name);
        if (!held || !isBroken(nic, name)) continue;
        const {wrapped, layout, opaque, fingerprint: print} = held;
        const {keySize, keytag} = layout;
        if (wrapped) known.push({name, wrapped, keySize, keytag, opaque: fromHex(opaque, name)});
        else if (print !== 0) ofManifest.add(name);
        else lost.push(name);
      }
      this.#cannotHeal(lost, 'its plaintext key was not kept: destroy it and create it again');
      for (let i = 0; i < known.length && !this.#stopped; i += BATCH) {
        await this.#remake(known.slice(i, i + BATCH), undefined);
      }
      await this.#healFromManifest(ofManifest);
    });
  }

  async #healFromManifest(names: Set<string>): Promise<void> {
    const changed: string[] = [];
    try {
      await this.#follower.withEntries(names, async (entries, kek, rewrapped) => {
        if (this.#stopped) throw new DekError('IO', 'the agent stops');
        for (const {name} of entries) names.delete(name);
        const isSame = (source: Source): boolean => isSameDek(this.#nic.deks.get(source.name), source, rewrapped);
        changed.push(...entries.filter((entry) => !isSame(entry)).map(({name}) => name));
        await this.#remake(entries.filter(isSame), kek);
      });
      this.#cannotHeal(changed, 'the manifest names another key now: dek apply --reload takes it over');
      this.#cannotHeal([...names], 'the manifest does not name it any more');
    } catch (error) {
      if (!this.#stopped) this.#cannotHeal([...names], (error as Error).message);
    }
  }

  async #remake(sources: readonly Source[], kek: Uint8Array | undefined): Promise<void> {
    const nic = this.#nic;
    await nic.dismiss(sources.flatMap(({name}) => nic.deks.get(name)?.dek ?? []));
    for (const {name} of sources) nic.deks.get(name)!.dek = null;
    const healed: string[] = [];
    const refused = new Map<string, string[]>();
    for (const [i, dek] of (await makeEntries(nic, sources, kek)).entries()) {
      const source = sources[i]!;
      const {name} = source;
      if (dek instanceof DekError) {
        refused.set(dek.message, [...(refused.get(dek.message) ?? []), name]);
        continue;
      }
      const {round, wrapped, fingerprint: print} = nic.deks.get(name)!;
      nic.deks.set(name, {...heldOf(source, dek), round, wrapped, ...(print === 0 && {fingerprint: 0})});
      healed.push(name);
    }
    this.heals += healed.length;
    if (healed.length > 0) this.#tell('warn', 'heal', describeNames(healed));
    for (const [error, names] of refused) this.#cannotHeal(names, error);
  }

  #cannotHeal(names: readonly string[], error: string): void {
    if (names.length > 0) this.#tell('error', 'heal-failed', {...describeNames(names), error});
  }

  #tell(level: 'warn' | 'error', event: string, fields: Record<string, unknown>): void {
    this.#holder.events.emit(level, event, {device: this.#nic.name, ...fields});
  }

  /** A repair does not wait for an apply: that makes everything whole itself, and the next check sees what is left. */
  async #alone(change: () => Promise<void>): Promise<void> {
    try {
      await this.#holder.alone(change);
    } catch (error) {
      if (!(error instanceof DekError && error.code === 'BUSY')) throw error;
    }
  }

  async #pause(ms: number): Promise<void> {
    if (this.#stopped) return;
    this.#sleep = new AbortController();
    await pause(ms, undefined, {signal: this.#sleep.signal}).catch(() => {});
  }
}

function describeNames(names: readonly string[]): {deks: number; names: readonly string[]} {
  return {deks: names.length, names: names.slice(0, NAMES_SHOWN)};
}

function isLoggedIn(nic: Nic): boolean {
  return nic.importMode === 'plaintext' || nic.loginStatus()?.state === 'VALID';
}

/** Whether `source` is the key that is held. After a rewrap that shows only in what was not wrapped. */
function isSameDek(held: HeldDek | undefined, {keySize, keytag, opaque, wrapped}: Source, rewrapped: boolean): boolean {
  if (!held) return false;
  if (!rewrapped) return held.fingerprint === fingerprint(wrapped, opaque);
  return held.layout === layoutOf(keySize, keytag) && held.opaque === toHex(opaque);
}

/** Whether a DEK is to be made again. UNKNOWN alone is no reason: the login may be missing. */
function isBroken(nic: Nic, name: string): boolean {
  const held = nic.deks.get(name);
  return held !== undefined && (held.dek === null || held.state === 'ERROR');
}

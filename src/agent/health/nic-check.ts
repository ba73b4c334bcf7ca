/**
 * The health check of one NIC: every interval its login and every DEK are asked for, spread over the interval so that
 * nothing else has to wait, and what is broken is made whole: a login that turned INVALID, a DEK in ERROR, a NIC that
 * went away.
 */

import {setTimeout as pause} from 'node:timers/promises';
import {isBroken} from '../nic/held-dek.js';
import type {Nic} from '../nic/nic.js';
import type {DekSet} from '../set/dek-set.js';
import type {ManifestFollower} from '../set/manifest-follower.js';
import {Healer} from './healer.js';

/** DEKs that are asked for at a time. */
const BATCH = 256;
/** After the start; not at once, when CMD of `dek run` has use for the NIC. */
const FIRST_CHECK_MS = 5000;
const FIRST_REOPEN_PAUSE_MS = 250;

export class NicCheck {
  readonly #nic: Nic;
  readonly #dekSet: DekSet;
  readonly #healer: Healer;
  readonly #intervalMs: number;
  #stopped = false;
  #reopenPauseMs = FIRST_REOPEN_PAUSE_MS;
  /** The pause that is being made. */
  #sleep = new AbortController();

  constructor(nic: Nic, dekSet: DekSet, follower: ManifestFollower, intervalMs: number) {
    this.#nic = nic;
    this.#dekSet = dekSet;
    this.#healer = new Healer(nic, dekSet, follower);
    this.#intervalMs = intervalMs;
  }

  get name(): string {
    return this.#nic.name;
  }

  /** DEKs and logins that were made anew. */
  get heals(): number {
    return this.#healer.heals;
  }

  wake(): void {
    this.#sleep.abort();
  }

  stop(): void {
    this.#stopped = true;
    this.#healer.stop();
    this.wake();
  }

  async run(): Promise<void> {
    // What was made at the start was not asked for: that is done soon.
    let pauseMs = this.#nic.deks.size > 0 ? Math.min(FIRST_CHECK_MS, this.#intervalMs) : this.#intervalMs;
    while (!this.#stopped) {
      // A NIC that is gone is looked for sooner, with pauses that grow up to the interval.
      await this.#pause(this.#nic.gone ? this.#growingPause() : pauseMs * (0.9 + 0.2 * Math.random()));
      pauseMs = this.#intervalMs;
      if (this.#stopped) return;
      try {
        await this.#check();
      } catch (error) {
        const {name: device} = this.#nic;
        this.#dekSet.events.emit('error', 'check-failed', {device, error: (error as Error).message});
      }
    }
  }

  async #check(): Promise<void> {
    const nic = this.#nic;
    if (nic.gone && !(await this.#reopened())) return;
    await this.#healer.healLogin();
    if (nic.deks.size === 0) await this.#healer.renew();
    // Alone: an apply may open the NIC anew meanwhile, and what it has to destroy would be of another context then.
    await this.#dekSet.aloneOrNot(() => nic.dismissAgain());
    const names = [...nic.deks.keys()];
    const slices = Math.ceil(names.length / BATCH);
    // Once one is broken the rest is asked for without pauses: to heal all takes one reading of the manifest then.
    let broken = false;
    for (let i = 0; i < slices && !nic.gone && !this.#stopped; i++) {
      const some = names.slice(i * BATCH, (i + 1) * BATCH);
      await nic.refresh(some);
      broken ||= some.some((name) => isBroken(nic.deks.get(name)));
      if (slices > 1 && !broken) await this.#pause((0.8 * this.#intervalMs) / slices);
    }
    if (broken) await this.#healer.healDeks(names);
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
      await this.#dekSet.alone({}, async () => {
        if (nic.gone) await nic.renew();
      });
    } catch {
      return false; // said once, when it went
    }
    this.#reopenPauseMs = FIRST_REOPEN_PAUSE_MS;
    await this.#healer.healLogin();
    await this.#healer.healDeks([...nic.deks.keys()]);
    return !nic.gone;
  }

  async #pause(ms: number): Promise<void> {
    if (this.#stopped) return;
    this.#sleep = new AbortController();
    await pause(ms, undefined, {signal: this.#sleep.signal}).catch(() => {});
  }
}

/** The health check: every NIC is checked, and healed, in its own time. */

import type {DekSet} from '../set/dek-set.js';
import type {ManifestFollower} from '../set/manifest-follower.js';
import {NicCheck} from './nic-check.js';

/** The checks of all NICs, each in its own time. */
export class HealthCheck {
  readonly #checks: readonly NicCheck[];
  readonly #events: DekSet['events'];
  #running: Promise<unknown> | undefined;

  constructor(dekSet: DekSet, follower: ManifestFollower, intervalMs: number) {
    this.#checks = dekSet.nics.map((nic) => new NicCheck(nic, dekSet, follower, intervalMs));
    this.#events = dekSet.events;
  }

  /** DEKs and logins that were made anew. */
  get heals(): number {
    return this.#checks.reduce((sum, {heals}) => sum + heals, 0);
  }

  get started(): boolean {
    return this.#running !== undefined;
  }

  start(): void {
    // A NIC that goes away is looked for at once, not at the next check.
    this.#events.listen((event) => {
      if (event.event !== 'device-gone') return;
      for (const check of this.#checks) if (check.name === event.device) check.wake();
    });
    this.#running ??= Promise.all(this.#checks.map((check) => check.run()));
  }

  /** Checks a NIC now. */
  wake(name: string): void {
    for (const check of this.#checks) if (check.name === name) check.wake();
  }

  async stop(): Promise<void> {
    for (const check of this.#checks) check.stop();
    await this.#running;
  }
}

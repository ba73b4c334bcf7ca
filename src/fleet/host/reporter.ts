/**
 * Tells the store what this host holds: when it changes, not more often than once a second, and under a lease, so that
 * what a host that died has said goes with it.
 */
import {setTimeout as pause} from 'node:timers/promises';
import {equalBytes} from '../../bytes.js';
import {DekError} from '../../errors.js';
import type {CallOptions} from '../etcd/members.js';
import type {Store} from '../etcd/store.js';
import type {FleetKeys} from '../layout/keys.js';
import {type Report, reportBytes} from '../layout/report.js';
import {Nap} from './nap.js';

const PACE_MS = 1000;
/** How long a report outlives its host. */
export const LEASE_SECONDS = 30;
const KEEP_MS = 10_000;
/** A report is small, and the store takes it at once or is away. */
const WRITE_MS = 8000;

export class Reporter {
  readonly #store: Store;
  readonly #keys: FleetKeys;
  readonly #host: string;
  readonly #leaseSeconds: number;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #lease: number | undefined;
  /** Of our key, as far as we know; 0: there is none. */
  #revision = 0;
  #wanted: Uint8Array | undefined;
  #written: Uint8Array | undefined;
  readonly #untilNews = new Nap();

  constructor(store: Store, keys: FleetKeys, host: string, leaseSeconds = LEASE_SECONDS) {
    this.#store = store;
    this.#keys = keys;
    this.#host = host;
    this.#leaseSeconds = leaseSeconds;
    this.#running = this.#run();
  }

  /** What is to be told from now on. */
  tell(report: Report): void {
    this.#wanted = reportBytes(report);
    this.#untilNews.end();
  }

  /** Ends; the report is taken back where the store is there. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#untilNews.end();
    await this.#running;
    if (this.#lease !== undefined) await this.#store.revokeLease(this.#lease, {totalMs: 2000}).catch(() => {});
  }

  async #run(): Promise<void> {
    const {signal} = this.#stop;
    let keptMs = performance.now();
    while (!signal.aborted) {
      const isNews = this.#wanted !== undefined && !(this.#written && equalBytes(this.#wanted, this.#written));
      const isDue = this.#lease !== undefined && performance.now() - keptMs >= KEEP_MS;
      try {
        if (isDue) {
          await this.#keep();
          keptMs = performance.now();
        } else if (isNews) {
          await this.#write(this.#wanted!);
        } else {
          await this.#untilNews.take(KEEP_MS / 4);
          continue;
        }
        await pause(PACE_MS, undefined, {signal}).catch(() => {});
      } catch {
        // The store is away: what was said ends with the lease, and is said again.
        await pause(PACE_MS * (1 + 4 * Math.random()), undefined, {signal}).catch(() => {});
      }
    }
  }

  async #keep(): Promise<void> {
    if ((await this.#store.keepLease(this.#lease!)) > 0) return;
    [this.#lease, this.#written] = [undefined, undefined];
  }

  async #write(value: Uint8Array): Promise<void> {
    const how = {signal: this.#stop.signal, totalMs: WRITE_MS};
    try {
      this.#lease ??= await this.#store.grantLease(this.#leaseSeconds, how);
      while (!(await this.#swap(value, this.#lease, how)));
      this.#written = value;
    } catch (error) {
      if (error instanceof DekError && error.message.includes('lease not found')) this.#lease = undefined;
      throw error;
    }
  }

  /**
   * By a compare: a member that was paused does what it was asked for long ago when it wakes up, and must not put an
   * earlier report in the place of a later one. False: it was not what we knew of, and is known now.
   */
  async #swap(value: Uint8Array, lease: number, how: CallOptions): Promise<boolean> {
    const key = this.#keys.status(this.#host);
    const {succeeded, revision, found} = await this.#store.txn(
      {
        compare: [{key, modRevision: this.#revision}],
        success: [{put: key, value, lease}],
        failure: [{get: key}],
      },
      how,
    );
    this.#revision = succeeded ? revision : (found[0]?.modRevision ?? 0);
    return succeeded || (found[0]?.lease === lease && equalBytes(value, found[0].value));
  }
}

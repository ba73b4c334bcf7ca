/**
 * The store: keys and values in etcd, as the fleet uses them. A write is a transaction with a compare, so that it may
 * be tried again at another member; whoever needs to know whether a try was done after all looks at what is there.
 */
import {randomInt} from 'node:crypto';
import type {Limit} from '../../deadline.js';
import {DekError} from '../../errors.js';
import type {FleetUri} from '../uri.js';
import {Identity} from './identity.js';
import {LeaseKeeper} from './lease-keeper.js';
import {type CallOptions, Members} from './members.js';
import {
  decodeRange,
  decodeTxn,
  encodeLease,
  encodeLeaseGrant,
  encodeRange,
  encodeTxn,
  type Keys,
  type KeyValue,
  METHODS,
  type Txn,
  type TxnAnswer,
} from './messages.js';
import {type WatchBatch, type WatchOptions, watch} from './watch.js';

/** How many keys a page of a range has: reports of a kilobyte stay below gRPC's usual limit of 4 MiB. */
const PAGE = 1000;
/** etcd's limit on the operations of a transaction. */
export const MAX_OPERATIONS = 128;

export class Store {
  readonly identity: Identity;
  readonly #members: Members;
  readonly #leases: LeaseKeeper;

  constructor(uri: FleetUri, limit: Limit) {
    this.identity = new Identity(uri, limit);
    this.#members = new Members(uri, this.identity, limit.signal);
    this.#leases = new LeaseKeeper(this.#members);
  }

  /** What this key holds; null: there is no such key. */
  async get(key: string, options?: CallOptions): Promise<KeyValue | null> {
    const answer = decodeRange(await this.#members.call(METHODS.range, encodeRange({keys: {key}}), options));
    return answer.kvs[0] ?? null;
  }

  /** The revision that the store is at, and what this key holds then. */
  async read(key: string, options?: CallOptions): Promise<{revision: number; kv: KeyValue | null}> {
    const answer = decodeRange(await this.#members.call(METHODS.range, encodeRange({keys: {key}}), options));
    return {revision: answer.revision, kv: answer.kvs[0] ?? null};
  }

  /**
   * What each of these keys holds, null for none, by the member of now alone, which may be behind the others: for what
   * never changes once it is there. It costs the store less than `get` does.
   */
  async peek(keys: readonly string[], options?: CallOptions): Promise<readonly (KeyValue | null)[]> {
    return (await this.txn({compare: [], success: keys.map((peek) => ({peek}))}, options)).found;
  }

  /**
   * All keys that begin with `prefix`, a page at a time, as they were at one revision. Rejects with Compacted when that
   * took so long that the revision is gone.
   */
  async *list(
    prefix: string,
    {keysOnly = false, signal}: {keysOnly?: boolean; signal?: AbortSignal | undefined} = {},
  ): AsyncGenerator<{revision: number; kvs: readonly KeyValue[]}, void> {
    let [from, revision]: [string | undefined, number] = [undefined, 0];
    for (;;) {
      const request = encodeRange({keys: {prefix}, from, limit: PAGE, revision, keysOnly});
      const answer = decodeRange(await this.#members.call(METHODS.range, request, {signal}));
      revision ||= answer.revision;
      yield {revision, kvs: answer.kvs};
      if (!answer.more) return;
      from = `${answer.kvs.at(-1)!.key}\0`;
    }
  }

  /** Does a transaction, which has to come to the same when it is tried twice. */
  async txn(txn: Txn, options?: CallOptions): Promise<TxnAnswer> {
    return decodeTxn(await this.#members.call(METHODS.txn, encodeTxn(txn), options));
  }

  /** Changes of these keys after `revision`, until `signal` fires. Rejects with Compacted. */
  watch(keys: Keys, revision: number, options: WatchOptions): AsyncGenerator<WatchBatch, void> {
    return watch(this.#members, keys, revision, options);
  }

  /** A lease of so many seconds; its id is ours, so that it may be asked for twice. */
  async grantLease(seconds: number, options?: CallOptions): Promise<number> {
    const id = randomInt(1, 2 ** 47);
    try {
      await this.#members.call(METHODS.leaseGrant, encodeLeaseGrant(id, seconds), options);
    } catch (error) {
      // A member that gave no answer had granted it.
      if (!(error instanceof DekError) || !error.message.includes('lease already exists')) throw error;
    }
    return id;
  }

  /** A sign of life: the seconds that the lease still has; 0: it is gone. */
  keepLease(id: number): Promise<number> {
    return this.#leases.keep(id);
  }

  /** What it holds goes with it; one that is gone is no error. */
  async revokeLease(id: number, options?: CallOptions): Promise<void> {
    try {
      await this.#members.call(METHODS.leaseRevoke, encodeLease(id), options);
    } catch (error) {
      if (!(error instanceof DekError) || !error.message.includes('lease not found')) throw error;
    }
  }

  close(): void {
    this.#members.close();
  }
}

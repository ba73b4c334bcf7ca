/**
 * The store: keys and values in etcd, as the fleet uses them. A write is a transaction with a compare, so that it may
 * be tried again at another member; whoever needs to know whether a try was done after all looks at what is there.
 */
import {randomInt} from 'node:crypto';
import type {Limit} from '../../deadline.js';
import {DekError} from '../../errors.js';
import type {FleetUri} from '../uri.js';
import {Identity} from './identity.js';
import {type CallOptions, Members} from './members.js';
import {
  decodeKeepAlive,
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
/** How long a sign of life of a lease may take. */
const KEEP_ALIVE_MS = 3000;

export class Store {
  readonly identity: Identity;
  readonly #members: Members;

  constructor(uri: FleetUri, limit: Limit) {
    this.identity = new Identity(uri, limit);
    this.#members = new Members(uri, this.identity);
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
  async keepLease(id: number): Promise<number> {
    const {stream, leave} = await this.#members.stream(METHODS.leaseKeepAlive);
    try {
      return await new Promise<number>((resolve, reject) => {
        const timer = setTimeout(() => reject(new DekError('IO', 'etcd: no sign of the lease')), KEEP_ALIVE_MS);
        const end = (how: () => void): void => {
          clearTimeout(timer);
          how();
        };
        stream.on('error', (error) => end(() => reject(error)));
        stream.on('end', () => end(() => reject(new DekError('IO', 'etcd: the stream of the lease has ended'))));
        stream.on('data', (bytes: Uint8Array) => end(() => resolve(decodeKeepAlive(bytes))));
        stream.write(encodeLease(id));
      });
    } catch (error) {
      leave();
      throw error;
    } finally {
      stream.cancel();
    }
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

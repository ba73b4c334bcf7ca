/** Blobs in the store, each under its digest: what is read is what was meant, or nothing is. */
import {DekError} from '../../errors.js';
import type {Compare, KeyValue, Operation} from '../etcd/messages.js';
import {MAX_OPERATIONS, type Store} from '../etcd/store.js';
import type {FleetKeys} from '../layout/keys.js';
import {digestOf, type Piece, parseList} from '../layout/pieces.js';
import type {Target} from '../layout/pointer.js';

/** Of a transaction: etcd's limit is 1.5 MiB for a request. */
const MAX_TXN_BYTES = 2 ** 20;

/** Blobs of one request: half a megabyte each at the most. */
export const BLOBS_AT_ONCE = 8;

/** A change that only who has the fleet may do: whether it was done. */
export interface Guard {
  readonly compare: Compare;
  /** Throws why it was not done: `otherwise`, as BUSY, where it may still be done by right. */
  lost(otherwise?: string): Promise<never>;
}

/** Reads the blob of this digest. Throws BAD_INPUT when it is missing or altered. */
export async function readBlob(
  store: Store,
  keys: FleetKeys,
  digest: string,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const kv = await store.get(keys.blob(digest), {signal});
  if (!kv) throw new DekError('BAD_INPUT', `blob ${digest.slice(0, 12)} is missing from the store`, {hint: PUBLISH});
  return checked(kv, keys, digest);
}

/** Reads the blobs of these digests, in one request: few, since a blob may have half a megabyte. Throws BAD_INPUT. */
export async function readBlobs(
  store: Store,
  keys: FleetKeys,
  digests: readonly string[],
  signal?: AbortSignal,
): Promise<Uint8Array[]> {
  if (digests.length === 0) return [];
  const found = await store.peek(
    digests.map((digest) => keys.blob(digest)),
    {signal},
  );
  // All of them reject by Promise.all: one that threw at once would leave those before it to reject alone.
  const bytesOf = async (digest: string, i: number): Promise<Uint8Array> => {
    const kv = found[i];
    // Where one member does not have it another may.
    return kv ? checked(kv, keys, digest) : readBlob(store, keys, digest, signal);
  };
  return Promise.all(digests.map(bytesOf));
}

function checked({value}: KeyValue, keys: FleetKeys, digest: string): Uint8Array {
  if (digestOf(value) === digest) return value;
  throw new DekError('BAD_INPUT', `blob ${digest.slice(0, 12)} was altered in the store`, {
    hint: `etcdctl del ${keys.blob(digest)}, and then ${PUBLISH}`,
  });
}

/** Reads all blobs that a list names, some in a request, in their order. */
export async function* readListed(store: Store, keys: FleetKeys, list: string): AsyncGenerator<Uint8Array, void> {
  const digests = await readList(store, keys, list);
  for (let at = 0; at < digests.length; at += BLOBS_AT_ONCE) {
    yield* await readBlobs(store, keys, digests.slice(at, at + BLOBS_AT_ONCE));
  }
}

/** The digests of the blobs of a manifest. */
export async function piecesOfTarget(
  store: Store,
  keys: FleetKeys,
  {few, pieces}: Pick<Target, 'few' | 'pieces'>,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  return few.length > 0 ? few : readList(store, keys, pieces, signal);
}

/** The digests that this blob lists. */
export async function readList(
  store: Store,
  keys: FleetKeys,
  digest: string,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const [bytes] = await readBlobs(store, keys, [digest], signal);
  const list = parseList(bytes!);
  if (list) return list;
  throw new DekError('BAD_INPUT', `blob ${digest.slice(0, 12)} is no list of blobs`, {hint: PUBLISH});
}

const PUBLISH = 'dek fleet publish again writes what is missing';

/** Writes blobs that are not there yet, many in a request. */
export class BlobWriter {
  readonly #store: Store;
  readonly #keys: FleetKeys;
  readonly #guard: Guard;
  /** Known to be there: the same piece is in many manifests. */
  readonly #there = new Set<string>();
  #waiting = new Map<string, Uint8Array>();
  #waitingBytes = 0;
  /** What was sent. */
  written = 0;
  bytes = 0;

  constructor(store: Store, keys: FleetKeys, guard: Guard) {
    this.#store = store;
    this.#keys = keys;
    this.#guard = guard;
  }

  async add({digest, bytes}: Piece): Promise<void> {
    if (this.#there.has(digest) || this.#waiting.has(digest)) return;
    if (bytes.length + this.#waitingBytes > MAX_TXN_BYTES || this.#waiting.size === MAX_OPERATIONS) await this.flush();
    this.#waiting.set(digest, bytes);
    this.#waitingBytes += bytes.length;
  }

  /** A blob of these bytes; its digest. */
  async addBytes(bytes: Uint8Array): Promise<string> {
    const digest = digestOf(bytes);
    await this.add({digest, bytes});
    return digest;
  }

  /** Resolves when all that was added is in the store. */
  async flush(): Promise<void> {
    const waiting = this.#waiting;
    [this.#waiting, this.#waitingBytes] = [new Map(), 0];
    if (waiting.size === 0) return;
    const known = await this.#store.txn({
      compare: [this.#guard.compare],
      success: [...waiting.keys()].map((digest) => ({exists: this.#keys.blob(digest)})),
    });
    if (!known.succeeded) return this.#guard.lost();
    const found = new Set(known.found.flatMap((kv) => (kv ? [kv.key] : [])));
    const missing = [...waiting].filter(([digest]) => !found.has(this.#keys.blob(digest)));
    const success = missing.map(([digest, value]): Operation => ({put: this.#keys.blob(digest), value}));
    if (success.length > 0) {
      const {succeeded} = await this.#store.txn({compare: [this.#guard.compare], success});
      if (!succeeded) return this.#guard.lost();
    }
    for (const digest of waiting.keys()) this.#there.add(digest);
    for (const [, {length}] of missing) {
      this.written++;
      this.bytes += length;
    }
  }
}

/**
 * Who changes the fleet: one at a time, by a key under a lease that ends with its holder. Each change compares that
 * key, so that one who lost it changes nothing more.
 */
import {hostname} from 'node:os';
import {DekError} from '../../errors.js';
import {isInstant} from '../../manifest/fields/edition.js';
import type {Compare} from '../etcd/messages.js';
import type {Store} from '../etcd/store.js';
import {StoreAway} from '../etcd/store-away.js';
import {jsonBytes, LINE, Members, malformed, parseJson} from '../layout/json.js';
import type {FleetKeys} from '../layout/keys.js';
import type {Guard} from './blobs.js';

/** How long the fleet stays with one who was killed. */
const LEASE_SECONDS = 15;
const KEEP_MS = 4000;
const KIND = 'dek-fleet-operator';

interface Holder {
  readonly lease: number;
  /** Whom the store takes them for. */
  readonly by: string;
  readonly host: string;
  readonly what: string;
  readonly since: string;
}

/** What is done with the fleet, for messages. */
export interface Undertaking {
  /** Such as `a rollout`. */
  readonly what: string;
  /** What to do when the store was away in the middle of it. */
  readonly next: string;
}

/** The right to change the fleet. */
export class Operator implements Guard {
  readonly #store: Store;
  readonly #keys: FleetKeys;
  readonly #lease: number;
  readonly #next: string;
  readonly by: string;
  readonly compare: Compare;
  readonly #timer: NodeJS.Timeout;
  #givingBack: Promise<void> | undefined;

  private constructor(
    store: Store,
    keys: FleetKeys,
    next: string,
    {lease, by, createRevision}: Pick<Holder, 'lease' | 'by'> & {createRevision: number},
  ) {
    [this.#store, this.#keys, this.#next, this.#lease, this.by] = [store, keys, next, lease, by];
    this.compare = {key: keys.operator, createRevision};
    // That it was lost is seen by the next change, which compares.
    this.#timer = setInterval(() => void store.keepLease(lease).catch(() => {}), KEEP_MS);
  }

  /**
   * Takes it, and gives it back when `use` has ended. Throws BUSY, with who has it; IO, with what is next, when the
   * store was away.
   */
  static async while<T>(
    store: Store,
    keys: FleetKeys,
    undertaking: Undertaking,
    use: (operator: Operator) => Promise<T>,
  ): Promise<T> {
    try {
      const operator = await Operator.#take(store, keys, undertaking);
      return await use(operator).finally(() => operator.giveBack());
    } catch (error) {
      if (!(error instanceof StoreAway)) throw error;
      throw new DekError('IO', error.message, {hint: `${error.hint}; ${undertaking.next}`, cause: error});
    }
  }

  /** Calls `body`, and gives the right back as soon as `signal` fires meanwhile. */
  async unless<T>(signal: AbortSignal, body: () => Promise<T>): Promise<T> {
    const giveBack = (): void => void this.giveBack();
    if (signal.aborted) giveBack();
    signal.addEventListener('abort', giveBack);
    try {
      return await body();
    } finally {
      signal.removeEventListener('abort', giveBack);
    }
  }

  /** What was begun changes nothing more from here on. */
  giveBack(): Promise<void> {
    clearInterval(this.#timer);
    // It ends by itself where the store is away.
    this.#givingBack ??= this.#store.revokeLease(this.#lease, {totalMs: 2000}).catch(() => {});
    return this.#givingBack;
  }

  static async #take(store: Store, keys: FleetKeys, {what, next}: Undertaking): Promise<Operator> {
    const by = await store.identity.name();
    const lease = await store.grantLease(LEASE_SECONDS);
    const holder: Holder = {lease, by, host: hostname(), what, since: new Date().toISOString()};
    const answer = await store.txn({
      compare: [{key: keys.operator, createRevision: 0}],
      success: [{put: keys.operator, value: jsonBytes({[KIND]: 1, ...holder}), lease}, {get: keys.operator}],
      failure: [{get: keys.operator}],
    });
    const [kv] = answer.found;
    // It may be ours from a try that got no answer.
    if (kv && (answer.succeeded || parseHolder(kv.value).lease === lease)) {
      return new Operator(store, keys, next, {lease, by, createRevision: kv.createRevision});
    }
    await store.revokeLease(lease);
    throw kv ? busy(parseHolder(kv.value)) : new DekError('BUSY', 'another was faster', {hint: 'try again'});
  }

  async lost(otherwise?: string): Promise<never> {
    if (this.#givingBack) throw new DekError('IO', 'interrupted: each host is as it was, or moved');
    const kv = await this.#store.get(this.#keys.operator);
    const holder = kv && parseHolder(kv.value);
    if (holder && holder.lease !== this.#lease) throw busy(holder);
    if (holder && otherwise !== undefined) {
      throw new DekError('BUSY', otherwise, {hint: 'dek fleet status, then again'});
    }
    throw new DekError('IO', 'the store was away too long, and the right to change the fleet is lost', {
      hint: this.#next,
    });
  }
}

function busy({by, host, what, since}: Holder): DekError<'BUSY'> {
  return new DekError('BUSY', `${by} on ${host} has ${what} under way, since ${since}`, {
    hint: `one changes the fleet at a time; it is free ${LEASE_SECONDS} s after they are gone`,
  });
}

function parseHolder(bytes: Uint8Array): Holder {
  const what = 'the key of who changes the fleet';
  const json = parseJson(bytes, KIND, what);
  const members = new Members(json, what);
  if (!isInstant(json['since'])) throw malformed(what, 'has no good "since"');
  return {
    lease: members.count('lease'),
    by: members.text('by', LINE),
    host: members.text('host', LINE),
    what: members.text('what', LINE),
    since: json['since'],
  };
}

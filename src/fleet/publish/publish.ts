/**
 * Publishes a manifest or a release to hosts at once: all that is wrong with it is found first, then its pieces are
 * written, and last the pointers move. One who is ended in the middle leaves hosts as they were, or moved; never half
 * of a manifest.
 */
import type {Store} from '../etcd/store.js';
import type {FleetKeys} from '../layout/keys.js';
import {assertNoneOpen, readRollout} from '../rollout/state.js';
import {hostOf, readHosts} from '../status/hosts.js';
import {type Collected, collectGarbage, forgetOld} from './collect.js';
import {Tables} from './heirs.js';
import {type Move, moveHosts, moveTo} from './move.js';
import {Obstacles} from './obstacles.js';
import {Operator} from './operator.js';
import {type Prepared, type PublishRequest, prepare} from './prepare.js';

/** A host that keeps what it has, and why. */
export interface LeftOut {
  readonly host: string;
  readonly why: string;
}

/** A host that was moved, and to what. */
export interface Moved {
  readonly host: string;
  readonly generation: number;
  readonly digest: string;
  readonly deks: number;
}

export interface Published extends Pick<Prepared, 'unchanged' | 'untold' | 'blobs' | 'bytes'> {
  readonly moved: readonly Moved[];
  readonly leftOut: readonly LeftOut[];
  /** Earlier generations that were forgotten, and blobs that nothing needed any more. */
  readonly forgotten: number;
  readonly removed: number;
  /** Why none of these was removed; null: they were. */
  readonly obstacle: string | null;
}

export interface PublishOptions extends PublishRequest {
  /** How many earlier generations of a host are kept. */
  readonly keep: number;
  /** A host may lose DEKs that another has got and not proven. */
  readonly letGo: boolean;
}

/**
 * Each host is as it was, or moved, when `signal` fires. Throws BUSY, WRONG_KEY, BAD_ARGUMENT, BAD_INPUT, NO_INPUT,
 * PERMISSION, IO.
 */
export async function publish(
  store: Store,
  keys: FleetKeys,
  options: PublishOptions,
  signal: AbortSignal = new AbortController().signal,
): Promise<Published> {
  return Operator.while(store, keys, PUBLICATION, (operator) =>
    operator.unless(signal, () => publishAs(operator, store, keys, options)),
  );
}

const PUBLICATION = {
  what: 'a publication',
  next: 'each host is as it was, or moved: when etcd answers again, publish again',
};

const NOT_DUE: Collected = {removed: 0, obstacle: null};

async function publishAs(
  operator: Operator,
  store: Store,
  keys: FleetKeys,
  options: PublishOptions,
): Promise<Published> {
  const last = assertNoneOpen(await readRollout(store, keys));
  const known = await readHosts(store, keys);
  const {deliveries, unchanged, untold, blobs, bytes} = await prepare(store, keys, operator, known, options);
  const obstacles = new Obstacles(new Tables(store, keys), known, options.letGo);
  const [moves, leftOut]: [Move[], LeftOut[]] = [[], []];
  for (const delivery of deliveries) {
    const why = await obstacles.of(delivery);
    if (why === undefined) {
      moves.push(moveTo(hostOf(known, delivery.host), delivery, options.replaceKeys, operator.by));
    } else leftOut.push({host: delivery.host, why});
  }
  await moveHosts(store, keys, operator, moves, (done) => options.onProgress('moved', done, moves.length));
  const moved = moves.map(({to: {host, generation, digest, deks}}) => ({host, generation, digest, deks}));
  // Hosts that have it already may have it from a publication that was ended before this.
  const reached = [...moved.map(({host}) => host), ...unchanged];
  const forgotten = await forgetOld(store, keys, operator, reached, options.keep);
  const isDue = forgotten > 0 || unchanged.length > 0;
  const {removed, obstacle} = isDue ? await collectGarbage(store, keys, operator, last ? [last.plan] : []) : NOT_DUE;
  return {moved, unchanged, leftOut, untold, blobs, bytes, forgotten, removed, obstacle};
}

/** Moves hosts to what they are to hold from now on: each pointer by a compare-and-swap, with what it was kept. */
import {equalBytes} from '../../bytes.js';
import type {Compare, Operation} from '../etcd/messages.js';
import type {Store} from '../etcd/store.js';
import type {FleetKeys} from '../layout/keys.js';
import {type Pointer, pointerBytes} from '../layout/pointer.js';
import type {FleetHost} from '../status/hosts.js';
import type {Guard} from './blobs.js';
import type {Delivery} from './prepare.js';

/** Hosts of one transaction: three operations a host, of 128. */
const HOSTS_AT_ONCE = 40;

export interface Move {
  readonly from: FleetHost;
  readonly to: Pointer;
}

/** The move of a host to what is delivered to it. */
export function moveTo(
  from: FleetHost,
  {host, target, fallback}: Delivery,
  replaceKeys: readonly string[],
  by: string,
): Move {
  return {from, to: {...target, host, fallback, replaceKeys, by, at: new Date().toISOString()}};
}

/** Moves all of them, as many at a time as one transaction takes. Throws BUSY when a pointer is not what it was. */
export async function moveHosts(
  store: Store,
  keys: FleetKeys,
  guard: Guard,
  moves: readonly Move[],
  onProgress: (done: number) => void = () => {},
): Promise<void> {
  for (let at = 0; at < moves.length; at += HOSTS_AT_ONCE) {
    const some = moves.slice(at, at + HOSTS_AT_ONCE);
    const {succeeded} = await store.txn({
      compare: [guard.compare, ...some.map((move) => compareOf(keys, move))],
      success: some.flatMap((move) => operationsOf(keys, move)),
    });
    if (!succeeded && !(await areThere(store, keys, some))) {
      await guard.lost('the pointer of a host was moved by another');
    }
    onProgress(at + some.length);
  }
}

function compareOf(keys: FleetKeys, {from}: Move): Compare {
  return {key: keys.wanted(from.host), modRevision: from.modRevision};
}

/** What a host was to hold until now is kept, unless it is the same: that is told to it once more. */
function operationsOf(keys: FleetKeys, {from: {host, pointer}, to}: Move): Operation[] {
  const put = {put: keys.wanted(host), value: pointerBytes(to)};
  return pointer && pointer.digest !== to.digest
    ? [put, {put: keys.keptAt(host, pointer.generation), value: pointerBytes(pointer)}]
    : [put];
}

/** A member that gave no answer may have done it: then each pointer is what it was to become. */
async function areThere(store: Store, keys: FleetKeys, moves: readonly Move[]): Promise<boolean> {
  const success = moves.map(({from}) => ({get: keys.wanted(from.host)}));
  const {found} = await store.txn({compare: [], success});
  return moves.every(({to}, i) => found[i] && equalBytes(found[i].value, pointerBytes(to)));
}

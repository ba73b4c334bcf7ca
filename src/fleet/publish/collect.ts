/** What is kept of the past, and what no pointer needs any more. */

import {DekError} from '../../errors.js';
import type {Operation} from '../etcd/messages.js';
import {MAX_OPERATIONS, type Store} from '../etcd/store.js';
import type {FleetKeys} from '../layout/keys.js';
import {blobsOf, parsePointer, type Target} from '../layout/pointer.js';
import {type Guard, readList} from './blobs.js';

/** Removes of each of these hosts what is older than its last `keep` generations; tells how many that were. */
export async function forgetOld(
  store: Store,
  keys: FleetKeys,
  guard: Guard,
  hosts: Iterable<string>,
  keep: number,
): Promise<number> {
  const kept = new Map([...hosts].map((host): [string, string[]] => [host, []]));
  // One list of all hosts: a question for each of ten thousand takes longer.
  for await (const {kvs} of store.list(keys.kept, {keysOnly: true})) {
    for (const {key} of kvs) kept.get(keys.hostOfKept(key))?.push(key);
  }
  const old = [...kept.values()].flatMap((all) => all.slice(0, Math.max(0, all.length - keep)));
  await remove(store, guard, old);
  return old.length;
}

export interface Collected {
  readonly removed: number;
  /** Why nothing was removed; null: what is not needed was. */
  readonly obstacle: string | null;
}

/**
 * Removes the blobs that no pointer and none of these lists names. What a pointer needs that cannot be read is not
 * known: nothing is removed then.
 */
export async function collectGarbage(
  store: Store,
  keys: FleetKeys,
  guard: Guard,
  more: readonly string[] = [],
): Promise<Collected> {
  let needed: Set<string>;
  try {
    needed = await neededBlobs(store, keys, more);
  } catch (error) {
    if (isMalformed(error)) return {removed: 0, obstacle: error.message};
    throw error;
  }
  const garbage: string[] = [];
  for await (const {kvs} of store.list(keys.blobs, {keysOnly: true})) {
    for (const {key} of kvs) if (!needed.has(key.slice(keys.blobs.length))) garbage.push(key);
  }
  await remove(store, guard, garbage);
  return {removed: garbage.length, obstacle: null};
}

/** The digests of all blobs that a pointer or one of these lists names. Throws BAD_INPUT for a pointer that is none. */
async function neededBlobs(store: Store, keys: FleetKeys, more: readonly string[]): Promise<Set<string>> {
  const lists = new Set<string>(more);
  const needed = new Set<string>(more);
  const need = (target: Target): void => {
    for (const digest of blobsOf(target)) needed.add(digest);
    lists.add(target.pieces).add(target.names);
  };
  for (const prefix of [keys.hosts, keys.kept]) {
    for await (const {kvs} of store.list(prefix)) {
      for (const {key, value} of kvs) {
        const pointer = parsePointer(value, key.slice(prefix.length).split('/')[0]!);
        need(pointer);
        if (pointer.fallback) need(pointer.fallback);
      }
    }
  }
  for (const list of lists) {
    // Of one that is lost the pieces cannot be reached any more either.
    for (const digest of await readList(store, keys, list).catch(noneIfLost)) needed.add(digest);
  }
  return needed;
}

async function remove(store: Store, guard: Guard, all: readonly string[]): Promise<void> {
  for (let at = 0; at < all.length; at += MAX_OPERATIONS) {
    const success = all.slice(at, at + MAX_OPERATIONS).map((key): Operation => ({remove: {key}}));
    const {succeeded} = await store.txn({compare: [guard.compare], success});
    if (!succeeded) await guard.lost();
  }
}

function noneIfLost(error: unknown): readonly string[] {
  if (isMalformed(error)) return [];
  throw error;
}

function isMalformed(error: unknown): error is DekError {
  return error instanceof DekError && error.code === 'BAD_INPUT';
}

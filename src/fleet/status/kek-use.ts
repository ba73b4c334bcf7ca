/** Who still needs a KEK: the question before an officer takes it from the NICs. */
import type {Store} from '../etcd/store.js';
import type {FleetKeys} from '../layout/keys.js';
import {parsePointer} from '../layout/pointer.js';
import {readHosts} from './hosts.js';

export interface KekUse {
  readonly kcv: string;
  /** Hosts that hold a manifest under it. */
  readonly held: readonly string[];
  /** Hosts that are to hold one under it. */
  readonly wanted: readonly string[];
  /** Hosts that are down and may hold one under it: nobody can tell. */
  readonly down: readonly string[];
  /** Earlier generations, and fallbacks, that are under it: a way back to them needs it. */
  readonly kept: readonly {readonly host: string; readonly generation: number}[];
  /** Whether nothing needs it any more. */
  readonly mayGo: boolean;
}

export async function kekUse(store: Store, keys: FleetKeys, kcv: string): Promise<KekUse> {
  const [held, wanted, down]: [string[], string[], string[]] = [[], [], []];
  const kept: {host: string; generation: number}[] = [];
  const before = new Map<string, Set<string | null>>();
  for await (const {kvs} of store.list(keys.kept)) {
    for (const {key, value} of kvs) {
      const host = keys.hostOfKept(key);
      const pointer = parsePointer(value, host);
      before.set(host, (before.get(host) ?? new Set()).add(pointer.kcv));
      if (pointer.kcv === kcv) kept.push({host, generation: pointer.generation});
    }
  }
  for (const {host, pointer, report} of (await readHosts(store, keys)).values()) {
    if (pointer?.kcv === kcv) wanted.push(host);
    if (pointer?.fallback?.kcv === kcv) kept.push({host, generation: pointer.fallback.generation});
    if (report?.kcv === kcv) held.push(host);
    // It may come back with its last good copy.
    if (!report && pointer && (pointer.kcv === kcv || before.get(host)?.has(kcv))) down.push(host);
  }
  const mayGo = held.length + wanted.length + down.length + kept.length === 0;
  return {kcv, held, wanted, down, kept, mayGo};
}

/** All hosts of a fleet as the store knows them: what each is to hold, and what each says that it holds. */
import {DekError} from '../../errors.js';
import type {Store} from '../etcd/store.js';
import type {FleetKeys} from '../layout/keys.js';
import {type Pointer, parsePointer} from '../layout/pointer.js';
import {parseReport, type Report} from '../layout/report.js';

export interface FleetHost {
  readonly host: string;
  /** null: nothing was published for it, or what stands there is no pointer. */
  readonly pointer: Pointer | null;
  /** Of the pointer's key; 0: there is none. */
  readonly modRevision: number;
  /** null: it is down, or what it says is no report. */
  readonly report: Report | null;
  /** What stands in the store and is not in order. */
  readonly fault: string | null;
}

/** What is known of a host, if anything is. */
export function hostOf(known: ReadonlyMap<string, FleetHost>, host: string): FleetHost {
  return known.get(host) ?? {host, pointer: null, modRevision: 0, report: null, fault: null};
}

/** All of them, by name. */
export async function readHosts(store: Store, keys: FleetKeys, signal?: AbortSignal): Promise<Map<string, FleetHost>> {
  const hosts = new Map<string, FleetHost>();
  for await (const {kvs} of store.list(keys.hosts, {signal})) {
    for (const {key, value, modRevision} of kvs) {
      const host = key.slice(keys.hosts.length);
      const {found, fault} = tried(() => parsePointer(value, host));
      hosts.set(host, {host, pointer: found, modRevision, report: null, fault});
    }
  }
  for await (const {kvs} of store.list(keys.statuses, {signal})) {
    for (const {key, value} of kvs) {
      const host = key.slice(keys.statuses.length);
      const {found, fault} = tried(() => parseReport(value, host));
      const one = hostOf(hosts, host);
      hosts.set(host, {...one, report: found, fault: one.fault ?? fault});
    }
  }
  return new Map([...hosts].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function tried<T>(parse: () => T): {found: T | null; fault: string | null} {
  try {
    return {found: parse(), fault: null};
  } catch (error) {
    if (!(error instanceof DekError)) throw error;
    return {found: null, fault: error.message};
  }
}

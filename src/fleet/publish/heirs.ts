/**
 * Volumes that move: a DEK leaves one host and another has just got it. The destination has to have proven it before
 * the source lets go, or nobody could read the data.
 */
import type {KeyValue} from '../etcd/messages.js';
import type {Store} from '../etcd/store.js';
import type {FleetKeys} from '../layout/keys.js';
import {type NameTable, readTable} from '../layout/names.js';
import {parsePointer} from '../layout/pointer.js';
import type {FleetHost} from '../status/hosts.js';
import {readListed} from './blobs.js';

/** Names of manifests by the digest of their table, which is what a pointer calls `names`: many hosts share few. */
export class Tables {
  readonly #store: Store;
  readonly #keys: FleetKeys;
  readonly #tables = new Map<string, Promise<NameTable>>();
  readonly #differences = new Map<string, Promise<ReadonlySet<string>>>();

  constructor(store: Store, keys: FleetKeys) {
    this.#store = store;
    this.#keys = keys;
  }

  /** The names, by their hash, that one manifest has and another lacks; all of them where there is no other. */
  without(names: string, other: string | undefined): Promise<ReadonlySet<string>> {
    const key = `${names} ${other}`;
    const known = this.#differences.get(key) ?? this.#difference(names, other);
    this.#differences.set(key, known);
    return known;
  }

  /** The last pointer that is kept of each host: what it had before. */
  async kept(): Promise<Map<string, KeyValue>> {
    const last = new Map<string, KeyValue>();
    for await (const {kvs} of this.#store.list(this.#keys.kept)) {
      for (const kv of kvs) last.set(this.#keys.hostOfKept(kv.key), kv);
    }
    return last;
  }

  async #difference(names: string, other: string | undefined): Promise<ReadonlySet<string>> {
    if (names === other) return new Set();
    const [has, lacks] = [await this.#table(names), other === undefined ? undefined : await this.#table(other)];
    return new Set([...has.keys()].filter((hash) => !lacks?.has(hash)));
  }

  #table(digest: string): Promise<NameTable> {
    const known = this.#tables.get(digest) ?? this.#read(digest);
    this.#tables.set(digest, known);
    return known;
  }

  async #read(digest: string): Promise<NameTable> {
    const table: NameTable = new Map();
    for await (const bytes of readListed(this.#store, this.#keys, digest)) readTable(bytes, table);
    return table;
  }
}

/** Hosts that have just got the same names, and have not proven them. */
interface Fresh {
  readonly names: ReadonlySet<string>;
  /** In the order of their names. */
  readonly hosts: Set<string>;
}

/** Who has just got what, as the hosts of a fleet are now. */
export class Heirs {
  readonly #tables: Tables;
  readonly #hosts: ReadonlyMap<string, FleetHost>;
  #fresh: Promise<readonly Fresh[]> | undefined;

  constructor(tables: Tables, hosts: ReadonlyMap<string, FleetHost>) {
    this.#tables = tables;
    this.#hosts = hosts;
  }

  /**
   * The hosts that have just got DEKs which `host` would lose with a manifest of these names, and have not proven them:
   * the first of them, and how many; undefined: there is none.
   */
  async unproven({host, pointer}: FleetHost, next: string): Promise<{first: string; count: number} | undefined> {
    if (!pointer) return undefined;
    const lost = [...(await this.#tables.without(pointer.names, next))];
    if (lost.length === 0) return undefined;
    this.#fresh ??= this.#whoGotWhat();
    const firsts: string[] = [];
    let count = 0;
    for (const {names, hosts} of await this.#fresh) {
      if (!lost.some((hash) => names.has(hash))) continue;
      count += hosts.size - Number(hosts.has(host));
      for (const heir of hosts) {
        if (heir === host) continue;
        firsts.push(heir);
        break;
      }
    }
    const [first] = firsts.sort();
    return first === undefined ? undefined : {first, count};
  }

  async #whoGotWhat(): Promise<readonly Fresh[]> {
    const kept = await this.#tables.kept();
    const all = new Map<string, Fresh>();
    for (const one of this.#hosts.values()) {
      const {host, pointer} = one;
      if (!pointer || isProven(one)) continue;
      const last = kept.get(host);
      const before = last && parsePointer(last.value, host).names;
      const change = `${before} ${pointer.names}`;
      const known = all.get(change) ?? {names: await this.#tables.without(pointer.names, before), hosts: new Set()};
      known.hosts.add(host);
      all.set(change, known);
    }
    return [...all.values()];
  }
}

/** Whether it holds what it is to hold, and has proven each DEK of it. */
function isProven({pointer, report}: FleetHost): boolean {
  return report !== null && report.digest === pointer?.digest && report.isReady && report.proven === report.total;
}

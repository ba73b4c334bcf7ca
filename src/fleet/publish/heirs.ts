/**
 * Volumes that move: a DEK leaves one host and another has just got it. The destination has to have proven it before
 * the source lets go, or nobody could read the data.
 */

import type {Store} from '../etcd/store.js';
import type {FleetKeys} from '../layout/keys.js';
import {type NameTable, readTable} from '../layout/names.js';
import {parsePointer} from '../layout/pointer.js';
import type {FleetHost} from '../status/hosts.js';
import {readBlob, readList} from './blobs.js';

/** Name tables by their digest: most hosts of a fleet have one of few. */
export class Tables {
  readonly #store: Store;
  readonly #keys: FleetKeys;
  readonly #tables = new Map<string, Promise<NameTable>>();

  constructor(store: Store, keys: FleetKeys) {
    this.#store = store;
    this.#keys = keys;
  }

  /** The names of the manifest whose `names` this is. */
  of(digest: string): Promise<NameTable> {
    const known = this.#tables.get(digest) ?? this.#read(digest);
    this.#tables.set(digest, known);
    return known;
  }

  /** Of the generation that this host had before; empty where none is kept. */
  async before(host: string): Promise<NameTable> {
    let last: Uint8Array | undefined;
    for await (const {kvs} of this.#store.list(this.#keys.keptOf(host))) last = kvs.at(-1)?.value ?? last;
    return last ? this.of(parsePointer(last, host).names) : new Map();
  }

  async #read(digest: string): Promise<NameTable> {
    const table: NameTable = new Map();
    for (const blob of await readList(this.#store, this.#keys, digest)) {
      readTable(await readBlob(this.#store, this.#keys, blob), table);
    }
    return table;
  }
}

/** Whether it holds what it is to hold, and has proven each DEK of it. */
export function isProven({pointer, report}: FleetHost): boolean {
  return report !== null && report.digest === pointer?.digest && report.isReady && report.proven === report.total;
}

/**
 * The hosts that have just got DEKs which `host` would lose with a manifest of these names, and have not proven them.
 */
export async function unprovenHeirs(
  tables: Tables,
  hosts: ReadonlyMap<string, FleetHost>,
  host: FleetHost,
  next: ReadonlyMap<string, string | null>,
): Promise<string[]> {
  if (!host.pointer) return [];
  const had = await tables.of(host.pointer.names);
  const lost = [...had.keys()].filter((hash) => !next.has(hash));
  if (lost.length === 0) return [];
  const heirs: string[] = [];
  for (const other of hosts.values()) {
    if (other.host === host.host || !other.pointer || isProven(other)) continue;
    const has = await tables.of(other.pointer.names);
    const got = lost.filter((hash) => has.has(hash));
    if (got.length === 0) continue;
    const before = await tables.before(other.host);
    if (got.some((hash) => !before.has(hash))) heirs.push(other.host);
  }
  return heirs;
}

/**
 * Which key each name stands for in the fleet: a name has one DCV. It is kept in parts, apart from the manifests, and a
 * name stays in it when no manifest has it any more: data that was written with its key may still exist.
 */
import {DekError} from '../../errors.js';
import type {KeyValue, Operation} from '../etcd/messages.js';
import type {Store} from '../etcd/store.js';
import type {FleetKeys} from '../layout/keys.js';
import {type NameTable, nameHash, PARTS, partOf, readTable, tableBytes} from '../layout/names.js';
import type {Guard} from './blobs.js';
import type {Upload} from './manifest-upload.js';

/** Parts that one request reads or writes. */
const PARTS_AT_ONCE = 32;

/** What a manifest would change. */
export class Register {
  readonly #store: Store;
  readonly #keys: FleetKeys;
  readonly #guard: Guard;
  readonly #parts = new Map<number, NameTable>();
  readonly #changed = new Set<number>();
  /** DEKs of which nobody can tell whether they are the same keys. */
  untold = 0;

  constructor(store: Store, keys: FleetKeys, guard: Guard) {
    this.#store = store;
    this.#keys = keys;
    this.#guard = guard;
  }

  /**
   * Takes in the names of a manifest. Throws WRONG_KEY when one has another DCV in the fleet, unless it is among
   * `replaceKeys`, and when a manifest tells none for a name that has one.
   */
  async take({table, names}: Upload, path: string, replaceKeys: readonly string[]): Promise<void> {
    await this.#load(new Set([...table.keys()].map(partOf)));
    const mayChange = new Set(replaceKeys.map(nameHash));
    const others: {hash: string; was: string; is: string | null}[] = [];
    for (const [hash, is] of table) {
      const part = this.#parts.get(partOf(hash))!;
      const was = part.get(hash);
      if (is === null) this.untold++;
      if (was === is || (was !== undefined && was === null && is === null)) continue;
      if (was !== undefined && was !== null && !mayChange.has(hash)) others.push({hash, was, is});
      part.set(hash, is);
      this.#changed.add(partOf(hash));
    }
    if (others.length > 0) throw otherKeys(others, names, path);
  }

  /** Writes what was taken in. */
  async write(): Promise<void> {
    const parts = [...this.#changed];
    for (let at = 0; at < parts.length; at += PARTS_AT_ONCE) {
      const success = parts.slice(at, at + PARTS_AT_ONCE).map((part): Operation => {
        return {put: this.#keys.names(part), value: tableBytes(this.#parts.get(part)!)};
      });
      const {succeeded} = await this.#store.txn({compare: [this.#guard.compare], success});
      if (!succeeded) await this.#guard.lost();
    }
    this.#changed.clear();
  }

  async #load(parts: ReadonlySet<number>): Promise<void> {
    const missing = [...parts].filter((part) => !this.#parts.has(part));
    for (let at = 0; at < missing.length; at += PARTS_AT_ONCE) {
      const some = missing.slice(at, at + PARTS_AT_ONCE);
      const success = some.map((part) => ({get: this.#keys.names(part)}));
      const {found} = await this.#store.txn({compare: [], success});
      for (const [i, part] of some.entries()) this.#parts.set(part, tableOf(found[i] ?? null, part));
    }
  }
}

function tableOf(kv: KeyValue | null, part: number): NameTable {
  const table: NameTable = new Map();
  if (part < PARTS && (!kv || readTable(kv.value, table))) return table;
  throw new DekError('BAD_INPUT', `the fleet's names, part ${part} of ${PARTS}, are not whole in the store`);
}

/** Enough of a check value to tell two apart. */
const digits = (dcv: string): string => dcv.slice(0, 8);

function otherKeys(
  others: readonly {hash: string; was: string; is: string | null}[],
  names: ReadonlyMap<string, string>,
  path: string,
): DekError<'WRONG_KEY'> {
  const {hash, was, is} = others[0]!;
  const name = names.get(hash)!;
  const values =
    is === null ? `no DCV is told, and there it is ${digits(was)}...` : `DCV ${digits(is)}..., not ${digits(was)}...`;
  const more = others.length === 1 ? '' : ` (and ${others.length - 1} more)`;
  return new DekError('WRONG_KEY', `${path}: ${name} is another key than in the fleet: ${values}${more}`, {
    hint: `what was written with the old key cannot be read with the new one; if that is meant: --replace-key ${name}`,
  });
}

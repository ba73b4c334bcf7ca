/**
 * What a service knows of a context: the table that it was sent, the changes since, and the DEKs that are old, which it
 * may still use. They stay on the NIC until it gives them back, or a deadline that the agent was started with passes.
 */
import {closeSync} from 'node:fs';
import type {Dek} from '../../rdma/index.js';
import type {ObjectIds} from '../../rdma/shared/devx-object.js';
import {duplicate} from '../../rdma/shared/import.js';
import {bytesOf, type HeldDek, isShownGood} from '../nic/held-dek.js';
import type {Nic} from '../nic/nic.js';
import {sealedMemory} from '../wire/ffi.js';
import {type Change, changeRecord, MAX_CHANGES, othersRecord, tableRecord} from '../wire/records.js';
import {byName, Flag, type OtherObject, type Table, type TableEntry, writeTable} from '../wire/table.js';

/** Takes records for the service. */
export interface Audience {
  send(record: Uint8Array, fds?: number[]): void;
}

interface OldDek extends ObjectIds {
  readonly dek: Dek;
  /** Of performance.now(). */
  readonly since: number;
}

/** A table as it was sent. */
interface Sent {
  readonly fd: number;
  readonly bytes: number;
  readonly serial: number;
  readonly entries: TableEntry[];
  readonly others: number;
}

export class Publication {
  /** Whom it is told; what happens while there is nobody is in the next table. */
  audience: Audience | undefined;
  readonly #nic: Nic;
  readonly #asksFor: ((name: string) => boolean) | undefined;
  #sent: Sent | undefined;
  /** Whether the table that was sent last is what there is. */
  #isFresh = false;
  /** The DEKs of the entries, in their order; null where one is absent. */
  #deks: (Dek | null)[] = [];
  /** All that the service may use, old ones too. */
  readonly #used = new Map<Dek, ObjectIds>();
  readonly #old = new Map<number, OldDek>();
  #othersSent = '';

  constructor(nic: Nic, asksFor?: (name: string) => boolean) {
    this.#nic = nic;
    this.#asksFor = asksFor;
  }

  /** How many DEKs the service may still use that are no part of the set any more. */
  get old(): number {
    return this.#old.size;
  }

  get oldDeks(): readonly (ObjectIds & {dek: Dek})[] {
    return [...this.#old.values()];
  }

  /** What the service may use, old DEKs too. */
  get used(): ReadonlyMap<Dek, ObjectIds> {
    return this.#used;
  }

  /** For `nic.keep`: whether the service may use this DEK, which is old from now on. */
  readonly keep = (dek: Dek): boolean => {
    const ids = this.#used.get(dek);
    if (!ids) return false;
    if (!this.#old.has(ids.id)) this.#old.set(ids.id, {...ids, dek, since: performance.now()});
    return true;
  };

  /** Takes DEKs for old ones that the service knows from an agent before. */
  inherit(old: readonly (ObjectIds & {dek: Dek})[]): void {
    for (const {dek, handle, id} of old) {
      this.#used.set(dek, {handle, id});
      this.#old.set(id, {dek, handle, id, since: performance.now()});
    }
  }

  /** Makes the table, so that the next `tell` only sends it. */
  prepare(): void {
    if (!this.#sent || !this.#isFresh || this.#hasOthers(this.#sent)) this.#makeTable(this.#entries());
  }

  /** Sends the table, all of it. */
  tellAll(): void {
    this.prepare();
    this.#sendTable();
  }

  /** Sends what has changed since the last time, if anything. */
  tellChanges(): void {
    if (!this.#sent) return;
    const entries = this.#entries();
    const changes = this.#changes(entries);
    if (changes === undefined || changes.length > MAX_CHANGES) {
      this.#makeTable(entries);
      this.#sendTable();
      return;
    }
    if (changes.length === 0) return;
    for (const {index, entry} of changes) {
      this.#sent.entries[index] = entry;
      this.#note(index, this.#nic.deks.get(entry.name)?.dek ?? null, entry);
    }
    this.#isFresh = false;
    this.audience?.send(changeRecord(this.#sent.serial, changes));
  }

  /** Sends what else the agent has in the context, if that has changed. */
  readonly tellOthers = (): void => {
    const record = othersRecord(this.#others());
    const text = Buffer.from(record).toString('latin1');
    if (text === this.#othersSent) return;
    this.#othersSent = text;
    this.#isFresh = false;
    this.audience?.send(record);
  };

  /** The service does not use these any more. */
  async release(ids: readonly number[]): Promise<void> {
    const deks: Dek[] = [];
    for (const id of ids) {
      const old = this.#old.get(id);
      if (!old) continue;
      this.#old.delete(id);
      this.#used.delete(old.dek);
      deks.push(old.dek);
    }
    if (deks.length > 0) this.#isFresh = false;
    await this.#nic.dismiss(deks);
  }

  /** Ids of what is old for longer than this. */
  olderThan(ms: number): number[] {
    const now = performance.now();
    return [...this.#old.values()].filter(({since}) => now - since > ms).map(({id}) => id);
  }

  /** Nobody uses any of it any more: what is old can go. */
  async releaseAll(): Promise<void> {
    await this.release([...this.#old.keys()]);
  }

  /** The context is another now: what was told of the one before means nothing. */
  forget(): void {
    this.#used.clear();
    this.#old.clear();
    this.#deks = [];
    this.#isFresh = false;
  }

  /** What the table holds open. */
  close(): void {
    if (this.#sent) closeSync(this.#sent.fd);
    this.#sent = undefined;
    this.#used.clear();
    this.#old.clear();
  }

  /** Whether there are other DEKs than in this table, or proofs: what changes while nobody listens is not told. */
  #hasOthers({entries}: Sent): boolean {
    const {deks} = this.#nic;
    if (!this.#asksFor && deks.size !== entries.length) return true;
    return entries.some(({name, flags}, i) => {
      const held = deks.get(name);
      const wasProven = (flags & Flag.PROVEN) !== 0;
      return (held?.dek ?? null) !== this.#deks[i] || wasProven !== (held !== undefined && isShownGood(held));
    });
  }

  /** The entries as they are now, sorted by name. */
  #entries(): TableEntry[] {
    const entries: TableEntry[] = [];
    for (const [name, held] of this.#nic.deks) if (this.#asksFor?.(name) ?? true) entries.push(this.#entry(name, held));
    return entries.sort(byName);
  }

  #entry(name: string, held: HeldDek): TableEntry {
    const {dek} = held;
    const ids = dek && !dek.closed ? (this.#used.get(dek) ?? this.#nic.sharing.idsOf(dek)) : NO_OBJECT;
    return entryOf(this.#nic, name, held, ids);
  }

  /** What is another than was sent; undefined when other names are there. */
  #changes(entries: readonly TableEntry[]): Change[] | undefined {
    const {entries: sent} = this.#sent!;
    if (entries.length !== sent.length) return undefined;
    const changes: Change[] = [];
    for (const [index, entry] of entries.entries()) {
      const before = sent[index]!;
      if (before.name !== entry.name) return undefined;
      if (before.id === entry.id && before.handle === entry.handle && before.flags === entry.flags) continue;
      changes.push({index, oldId: before.id === entry.id ? 0 : before.id, entry});
    }
    return changes;
  }

  #note(index: number, dek: Dek | null, {id, handle}: TableEntry): void {
    const before = this.#deks[index];
    if (before && before !== dek && !this.#isOld(before)) this.#used.delete(before);
    this.#deks[index] = dek;
    if (dek && id !== 0) this.#used.set(dek, {id, handle});
  }

  #isOld(dek: Dek): boolean {
    const ids = this.#used.get(dek);
    return ids !== undefined && this.#old.get(ids.id)?.dek === dek;
  }

  #makeTable(entries: TableEntry[]): void {
    const {name: nic, sharing} = this.#nic;
    for (const dek of this.#deks) if (dek && !this.#isOld(dek)) this.#used.delete(dek);
    this.#deks = [];
    for (const [i, entry] of entries.entries()) this.#note(i, this.#nic.deks.get(entry.name)?.dek ?? null, entry);
    const others = [...this.#others(), ...asOldDeks(this.#old.values())];
    const serial = (this.#sent?.serial ?? 0) + 1;
    const bytes = writeTable({nic, pdHandle: sharing.pdHandle, serial, entries, others});
    const fd = sealedMemory('dek-table', bytes); // may throw: the one before is closed once
    if (this.#sent) closeSync(this.#sent.fd);
    this.#sent = {fd, bytes: bytes.length, serial, entries, others: others.length};
    this.#isFresh = true;
  }

  #sendTable(): void {
    const {fd, bytes, serial, entries, others} = this.#sent!;
    this.#othersSent = Buffer.from(othersRecord(this.#others())).toString('latin1');
    this.audience?.send(tableRecord(serial, bytes, entries.length, others), [duplicate(fd)]);
  }

  #others(): OtherObject[] {
    return this.#nic.sharing.others();
  }
}

const NO_OBJECT: ObjectIds = {handle: 0, id: 0};

/** The table of a NIC's context as it is now: for the agent after this one. */
export function tableOf(
  nic: Nic,
  {pdHandle, serial, old}: {pdHandle: number; serial: number; old: readonly ObjectIds[]},
): Table {
  const entries: TableEntry[] = [];
  for (const [name, held] of nic.deks) {
    if (held.dek && !held.dek.closed) entries.push(entryOf(nic, name, held, nic.sharing.idsOf(held.dek)));
  }
  return {
    nic: nic.name,
    pdHandle,
    serial,
    entries: entries.sort(byName),
    others: [...nic.sharing.others(), ...asOldDeks(old)],
  };
}

function asOldDeks(old: Iterable<ObjectIds>): OtherObject[] {
  return [...old].map(({handle, id}) => ({kind: 'OLD_DEK', handle, id}));
}

function entryOf({identities, importMode}: Nic, name: string, held: HeldDek, ids: ObjectIds): TableEntry {
  const {dek, layout, opaque, ...marks} = held;
  const [keytagValue, dcv] = [bytesOf(marks.keytagValue), bytesOf(marks.dcv)];
  const identity = dcv ?? (dek && identities?.get(dek)) ?? null;
  const flags =
    (layout.keytag ? Flag.KEYTAG : 0) |
    (keytagValue ? Flag.KEYTAG_VALUE : 0) |
    (ids.id === 0 ? Flag.ABSENT : 0) |
    (importMode === 'plaintext' ? 0 : Flag.WRAPPED) |
    (dcv ? Flag.DCV : 0) |
    (isShownGood(held) ? Flag.PROVEN : 0);
  return {name, ...ids, keySize: layout.keySize, flags, keytagValue, label: opaque, identity};
}

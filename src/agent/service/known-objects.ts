/**
 * What a program knows of the objects in a shared context: the table that an agent sent last, and what it has told
 * since. Pure.
 */
import {DekError} from '../../errors.js';
import {type OtherObject, readOthers, type Table, type TableEntry, writeTable} from '../wire/table.js';
import type {EntryChange} from './agent-records.js';
import {type SharedDek, sharedDek} from './shared-dek.js';

/** DEKs that have other objects, came or went, and the ids of what they were before. */
export interface Differences {
  readonly names: readonly string[];
  readonly old: readonly number[];
}

export class KnownObjects {
  #table: Table | undefined;
  #deks = new Map<string, SharedDek>();
  #others: readonly OtherObject[] = [];
  /** DEKs that are there, and that no table has told of yet. */
  #made: OtherObject[] = [];
  /** Handles by id. */
  readonly #old = new Map<number, number>();
  #isTold = false;

  /** Whether there is anything that the next agent has to know. */
  get isAny(): boolean {
    return this.#table !== undefined || this.#isTold;
  }

  /** Whether an agent has told of objects since the last table. */
  get isTold(): boolean {
    return this.#isTold;
  }

  get deks(): ReadonlyMap<string, SharedDek> {
    return this.#deks;
  }

  /** Ids of objects that were replaced and are not released yet. */
  get old(): readonly number[] {
    return [...this.#old.keys()];
  }

  /** All of it, for the next agent. */
  table(pdHandle: number): Uint8Array {
    const {nic, serial, entries} = this.#table ?? {nic: '', serial: 0, entries: []};
    const old = [...this.#old].map(([id, handle]) => ({kind: 'OLD_DEK', handle, id}) as const);
    return writeTable({nic, pdHandle, serial, entries, others: [...this.#others, ...old, ...this.#made]});
  }

  /** Takes a table that `table` has made, in the place of what is known. */
  inherit(table: Table): void {
    for (const {kind, id, handle} of table.others) if (kind === 'OLD_DEK') this.#old.set(id, handle);
    this.take(table);
  }

  /** The table of an agent. */
  take(table: Table): Differences {
    const before = new Map(this.#table?.entries.map((entry) => [entry.name, entry]));
    const names: string[] = [];
    const old: number[] = [];
    const deks = new Map<string, SharedDek>();
    for (const entry of table.entries) {
      deks.set(entry.name, sharedDek(entry));
      if (before.get(entry.name)?.id !== entry.id) names.push(entry.name);
      else before.delete(entry.name);
    }
    for (const [name, {id, handle}] of before) {
      if (!deks.has(name)) names.push(name);
      if (id === 0) continue;
      this.#old.set(id, handle);
      old.push(id);
    }
    this.#table = table;
    this.#deks = deks;
    this.#others = table.others.filter(({kind}) => kind !== 'OLD_DEK');
    this.#made = [];
    this.#isTold = false;
    return {names, old};
  }

  /** A CHANGE. Throws IO for one of what is not in the table. */
  change(changes: readonly EntryChange[]): Differences {
    const names: string[] = [];
    const old: number[] = [];
    const entries = (this.#table?.entries ?? []) as TableEntry[];
    for (const {index, oldId, entry} of changes) {
      const before = entries[index];
      if (!before) throw new DekError('IO', 'a change of an entry that there is not');
      if (oldId !== 0) {
        this.#old.set(oldId, before.handle);
        old.push(oldId);
      }
      entries[index] = {...entry, name: before.name};
      this.#deks.set(before.name, sharedDek(entries[index]));
      names.push(before.name);
    }
    return {names, old};
  }

  /** An OTHERS: what is there beside DEKs. */
  takeOthers(payload: Buffer): void {
    this.#others = readOthers(payload);
    this.#isTold ||= this.#others.length > 0;
  }

  /** A MADE: DEKs that are there, before there is a table. */
  takeMade(payload: Buffer): void {
    this.#made.push(...readOthers(payload));
    this.#isTold = true;
  }

  /** What was told before there was a table is not there any more. */
  forgetTold(): void {
    [this.#made, this.#others, this.#isTold] = [[], [], false];
  }

  /** These old objects are no more: returns those that were known. */
  forget(ids: readonly number[]): readonly number[] {
    return ids.filter((id) => this.#old.delete(id));
  }

  forgetOld(): void {
    this.#old.clear();
  }
}

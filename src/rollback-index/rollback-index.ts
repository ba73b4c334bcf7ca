/** The highest generation that this host has accepted of a manifest, kept in a store. */
import {equalBytes} from '../bytes.js';
import type {Limit} from '../deadline.js';
import {DekError} from '../errors.js';
import type {Known} from '../manifest/acceptance/accept.js';
import {decodeEntry, ENROLL, type Entry, encodeEntry, shortId} from './record.js';
import type {Store} from './store.js';

export class RollbackIndex {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  get name(): string {
    return this.#store.name;
  }

  /** What is there; null where nothing is yet. Throws BAD_INPUT, and what the store throws. */
  async read(limit: Limit): Promise<Entry | null> {
    const record = await this.#store.read(limit);
    return record && decodeEntry(record, this.name);
  }

  /** What is known of the manifest `id`. Throws NOT_ENROLLED where nothing is, or what is there is of another. */
  async known(id: Uint8Array, limit: Limit): Promise<Known> {
    const entry = await this.read(limit);
    if (entry && equalBytes(entry.id, id)) return entry;
    const text = entry ? `is for manifest ${shortId(entry.id)}, not for ${shortId(id)}` : 'is empty';
    throw new DekError('NOT_ENROLLED', `the rollback index ${this.name} ${text}`, {
      hint: `a person has to say once that this manifest is meant: ${ENROLL}`,
    });
  }

  /**
   * Writes an entry and reads it back; nothing where it is there already. Throws ROLLED_BACK where a later generation
   * is by now, of another agent; IO when it is not what came back.
   */
  async write(entry: Entry, limit: Limit): Promise<void> {
    const before = await this.read(limit);
    if (before && equalBytes(before.id, entry.id) && before.generation > entry.generation) {
      const there = `generation ${before.generation}, later than ${entry.generation}`;
      throw new DekError('ROLLED_BACK', `${this.name} has ${there}, by another agent`, {
        hint: 'apply that one here too',
      });
    }
    await this.#put(entry, before, limit);
  }

  /**
   * Makes `entry` the first of the index. `isMeant` lets it take the place of another manifest's, or of a later
   * generation. Throws EXISTS where that would be done and is not meant.
   */
  async enroll(entry: Entry, isMeant: boolean, limit: Limit): Promise<void> {
    await this.#store.prepare?.(limit);
    const before = await this.read(limit);
    const isNext = !before || (equalBytes(before.id, entry.id) && before.generation < entry.generation);
    const isSame = before !== null && equalBytes(encodeEntry(before), encodeEntry(entry));
    if (!isNext && !isSame && !isMeant) {
      const there = `generation ${before.generation} of manifest ${shortId(before.id)}`;
      throw new DekError('EXISTS', `${this.name} holds ${there}`, {hint: 'if hosts may go back from it: --force'});
    }
    await this.#put(entry, before, limit);
  }

  async #put(entry: Entry, before: Entry | null, limit: Limit): Promise<void> {
    const record = encodeEntry(entry);
    if (before && equalBytes(encodeEntry(before), record)) return;
    await this.#store.write(record, limit);
    const after = await this.#store.read(limit);
    if (after && equalBytes(after, record)) return;
    throw new DekError('IO', `the rollback index ${this.name} does not hold what was written`);
  }
}

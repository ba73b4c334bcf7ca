/** What every kind of store has in common: a place for one record, which is there for good once it is written. */
import type {Limit} from '../deadline.js';

/** Where an index is kept. Nothing here looks into the record. */
export interface Store {
  /** What messages call it: `tpm:0x1800020`. */
  readonly name: string;
  /** The record; null where nothing has been written yet. Throws what stands in the way. */
  read(limit: Limit): Promise<Uint8Array | null>;
  /**
   * Puts a record in the place of the one that is there. A process, or a machine, that stops at any moment leaves the
   * one or the other. Resolves when it is there for good.
   */
  write(record: Uint8Array, limit: Limit): Promise<void>;
  /** Makes the place, where that is an act of its own; nothing where it is there. */
  prepare?(limit: Limit): Promise<void>;
}

/** A file of this folder. */
export interface StoreModule {
  /** The store that `rest`, what stands behind the scheme, names. Throws BAD_ARGUMENT. */
  storeOf(rest: string): Store;
}

/**
 * Which fingerprints came before, and in which line: a hash table of 16 bytes a slot, without the names or keys
 * themselves. Fingerprints lie in it in their order, but for those that meet: so it grows in one pass from end to end,
 * and by little.
 */
import {FINGERPRINT_WORDS} from './fingerprint.js';

/** Words of 32 bits a slot: the fingerprint, and the line, which is 0 in an empty slot. */
const SLOT_WORDS = FINGERPRINT_WORDS + 1;
/** The table grows when it is fuller than this. */
const MAX_LOAD = 0.8;
const GROWTH = 1.4;
/** A table of 20,000 DEKs: looking first did not pay below (measured). */
const SMALL_BYTES = 2 ** 19;

/** What was looked at goes into it: the optimizer would leave out a look for nothing. */
const looked = new Int32Array(1);

export class FingerprintTable {
  #slots: number;
  #table: Int32Array;
  #count = 0;

  /** A table that holds `expected` fingerprints before it grows. */
  constructor(expected = 1000) {
    this.#slots = Math.ceil(expected / MAX_LOAD) + 1;
    this.#table = new Int32Array(this.#slots * SLOT_WORDS);
  }

  /**
   * The line (1 to 2^31 - 1) in which the fingerprint at `at` came before, or 0 if it is new and now kept with `line`.
   */
  add(fingerprints: Int32Array, at: number, line: number): number {
    const before = put(this.#table, this.#slots, fingerprints, at, line);
    if (before === 0 && ++this.#count > this.#slots * MAX_LOAD) this.#grow();
    return before;
  }

  /**
   * Looks at the slots where all of `fingerprints` may be, before they are added: the CPU waits for the memory of many
   * slots at once here, and in `add` for one after the other. Nothing while the table is small.
   */
  fetch(fingerprints: Int32Array): void {
    if (this.bytes <= SMALL_BYTES) return;
    for (let i = 0; i < fingerprints.length; i += FINGERPRINT_WORDS) {
      looked[0]! ^= this.#table[slotOf(fingerprints[i]!, this.#slots)]!;
    }
  }

  /** Bytes of the table. */
  get bytes(): number {
    return this.#table.byteLength;
  }

  #grow(): void {
    const slots = Math.ceil(this.#slots * GROWTH);
    const table = new Int32Array(slots * SLOT_WORDS);
    const old = this.#table;
    for (let at = 0; at < old.length; at += SLOT_WORDS) {
      if (old[at + FINGERPRINT_WORDS] !== 0) put(table, slots, old, at, old[at + FINGERPRINT_WORDS]!);
    }
    [this.#table, this.#slots] = [table, slots];
  }
}

/** Open addressing with linear probing. Returns the line that the fingerprint has already, or 0 when it was put in. */
function put(table: Int32Array, slots: number, fingerprints: Int32Array, from: number, line: number): number {
  const a = fingerprints[from]!;
  const b = fingerprints[from + 1]!;
  const c = fingerprints[from + 2]!;
  let at = slotOf(a, slots);
  for (; table[at + FINGERPRINT_WORDS] !== 0; at = at + SLOT_WORDS < table.length ? at + SLOT_WORDS : 0) {
    if (table[at] === a && table[at + 1] === b && table[at + 2] === c) return table[at + FINGERPRINT_WORDS]!;
  }
  table[at] = a;
  table[at + 1] = b;
  table[at + 2] = c;
  table[at + FINGERPRINT_WORDS] = line;
  return 0;
}

/** Where a fingerprint with this first word lies, if others do not. */
function slotOf(word: number, slots: number): number {
  return Math.floor((word >>> 0) * (slots / 2 ** 32)) * SLOT_WORDS;
}

/**
 * Which names or keys came before, and in which line: a hash table of 16 bytes a slot, without the names. A slot holds 96 bits
 * of SHA-256 and the line, so two that differ are taken for one with a chance of 2^-57 in a million.
 */
import {hash} from 'node:crypto';

/** Words of 32 bits a slot: three of the digest, and the line, which is 0 in an empty slot. */
const SLOT_WORDS = 4;
/** The table grows when it is fuller than this. */
const MAX_LOAD = 0.75;

export class Seen {
  #table = new Uint32Array(2 ** 10 * SLOT_WORDS);
  #count = 0;

  /** The line (1 to 2^32 - 1) in which `bytes` came before, or 0 if it is new and now kept with `line`. */
  add(bytes: string | Uint8Array, line: number): number {
    // One string of 32 characters is cheaper than a Buffer.
    const digest = hash('sha256', bytes, 'binary');
    const before = put(this.#table, word(digest, 0), word(digest, 4), word(digest, 8), line);
    if (before === 0 && ++this.#count * SLOT_WORDS > this.#table.length * MAX_LOAD) this.#grow();
    return before;
  }

  /** Bytes of the table. */
  get bytes(): number {
    return this.#table.byteLength;
  }

  #grow(): void {
    const table = new Uint32Array(2 * this.#table.length);
    const old = this.#table;
    for (let at = 0; at < old.length; at += SLOT_WORDS) {
      if (old[at + 3] !== 0) put(table, old[at]!, old[at + 1]!, old[at + 2]!, old[at + 3]!);
    }
    this.#table = table;
  }
}

/** Open addressing with linear probing. Returns the line that the digest has already, or 0 when it was put in. */
function put(table: Uint32Array, a: number, b: number, c: number, line: number): number {
  const mask = table.length - 1; // the length is a power of 2
  let at = (a * SLOT_WORDS) & mask;
  for (; table[at + 3] !== 0; at = (at + SLOT_WORDS) & mask) {
    if (table[at] === a && table[at + 1] === b && table[at + 2] === c) return table[at + 3]!;
  }
  table[at] = a;
  table[at + 1] = b;
  table[at + 2] = c;
  table[at + 3] = line;
  return 0;
}

/** 32 bits of a string of bytes. */
function word(digest: string, at: number): number {
  const high = (digest.charCodeAt(at) << 24) | (digest.charCodeAt(at + 1) << 16);
  return (high | (digest.charCodeAt(at + 2) << 8) | digest.charCodeAt(at + 3)) >>> 0;
}

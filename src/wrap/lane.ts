/**
 * RFC 3394 for many keys at once. One key is a chain of 6n AES blocks, each of which waits for the one before it, while
 * a CPU could have eight or more on their way. So all keys of a lane advance together: step t of all of them is one
 * AES-ECB call.
 *
 * For each semiblock i there is a row: the AES blocks [A | R[i]] of all keys, side by side. The RFC's step t = n * j +
 * i,
 *
 *     B = AES(K, A | R[i])     A = MSB(64, B) ^ t     R[i] = LSB(64, B)
 *
 * is done where it lies: row i encrypted in place leaves R[i] where it belongs, and only A, xor t, moves on to the row
 * of the next step. After the last step, 6n in row n, that is row 1. Unwrap takes the same steps backwards and leaves A
 * in row n.
 */
import {scratchBytes, wipe} from '../bytes.js';
import {SEMIBLOCK_BYTES} from '../dek-layout.js';
import {BLOCK_BYTES, type BlockCipher} from './aes/cipher.js';
import {IV_BYTE, ROUNDS} from './kw.js';

/** Small beside a CPU's second-level cache; long enough that a call into libcrypto costs nothing beside its work. */
const ROWS_BYTES = 128 * 1024;
/** The wrapped keys of a lane: n + 1 semiblocks where the rows have 2n, and n is 2 at least. */
const KEYS_BYTES = (ROWS_BYTES * 3) / 4;

/**
 * The scratch of all lanes: the rows, and the keys on their way in or out. V8 makes twice as fast code for views that
 * never change. They are signed, since a number of 2^31 and above may be put on V8's heap, where it cannot be wiped.
 */
const rowBytes = scratchBytes(ROWS_BYTES);
const keyBytes = scratchBytes(KEYS_BYTES);
const ROWS = new Int32Array(rowBytes.buffer);
const KEYS = new Int32Array(keyBytes.buffer);

/** In words of 4 bytes. A block is A at 0 and R at 2. */
const BLOCK = BLOCK_BYTES / 4;
const SEMIBLOCK = SEMIBLOCK_BYTES / 4;
const A = 0;
const R = SEMIBLOCK;
/** Half of the initial value A6A6A6A6A6A6A6A6. */
const IV = (IV_BYTE * 0x01010101) | 0;

/** How many keys of `n` semiblocks a lane has room for: an even number. */
export function laneKeys(n: number): number {
  return 2 * Math.floor(ROWS_BYTES / (2 * n * BLOCK_BYTES));
}

/**
 * `count` keys of `n` semiblocks each. All lanes have the same scratch: one is used at a time, and wiped before the
 * next.
 */
export class Lane {
  readonly count: number;
  readonly #n: number;
  /** Words of a row. It has an even number of blocks: what is in the last, if `count` is odd, does not matter. */
  readonly #row: number;
  readonly #rows: Uint8Array[];

  constructor(count: number, n: number) {
    this.count = count;
    this.#n = n;
    this.#row = (count + (count % 2)) * BLOCK;
    this.#rows = Array.from({length: n}, (_, i) => rowBytes.subarray(4 * i * this.#row, 4 * (i + 1) * this.#row));
  }

  /** Takes the plaintexts, R[1] ... R[n] of each key. */
  readPlaintexts(plaintexts: Uint8Array): void {
    keyBytes.set(plaintexts);
    for (let i = 1; i <= this.#n; i++) this.#read(R, i, i - 1, this.#n);
  }

  /** Takes the wrapped keys, A and R[1] ... R[n] of each. */
  readWrapped(wrapped: Uint8Array): void {
    keyBytes.set(wrapped);
    this.#read(A, this.#n, 0, this.#n + 1);
    for (let i = 1; i <= this.#n; i++) this.#read(R, i, i, this.#n + 1);
  }

  /** Gives the plaintexts that `unwrap` has left. */
  writePlaintexts(plaintexts: Uint8Array): void {
    for (let i = 1; i <= this.#n; i++) this.#write(R, i, i - 1, this.#n);
    plaintexts.set(keyBytes.subarray(0, plaintexts.length));
  }

  /** Gives the wrapped keys that `wrap` has left. */
  writeWrapped(wrapped: Uint8Array): void {
    this.#write(A, 1, 0, this.#n + 1);
    for (let i = 1; i <= this.#n; i++) this.#write(R, i, i, this.#n + 1);
    wrapped.set(keyBytes.subarray(0, wrapped.length));
  }

  /** RFC 3394 section 2.2.1. Before: the plaintexts in R. After: A in row 1, and R. */
  wrap(encryptBlocks: BlockCipher): void {
    const n = this.#n;
    for (let at = 0; at < this.#row; at += BLOCK) ROWS[at] = ROWS[at + 1] = IV;
    for (let t = 1; t <= ROUNDS * n; t++) {
      const i = ((t - 1) % n) + 1;
      encryptBlocks(this.#rows[i - 1]!);
      this.#moveA(i, (i % n) + 1, t);
    }
  }

  /**
   * RFC 3394 section 2.2.2. Before: A in row n, and R. After: the plaintexts in R. `failed` is called with the position
   * of each key that fails its check.
   */
  unwrap(decryptBlocks: BlockCipher, failed: (position: number) => void): void {
    const n = this.#n;
    this.#moveA(n, n, ROUNDS * n);
    for (let t = ROUNDS * n; t >= 1; t--) {
      const i = ((t - 1) % n) + 1;
      decryptBlocks(this.#rows[i - 1]!);
      this.#moveA(i, i === 1 ? n : i - 1, t - 1);
    }
    const first = (n - 1) * this.#row;
    for (let position = 0; position < this.count; position++) {
      const at = first + position * BLOCK;
      // All eight bytes of each key, without an early exit: the time must not tell how many were right.
      if (((ROWS[at]! ^ IV) | (ROWS[at + 1]! ^ IV)) !== 0) failed(position);
    }
  }

  /** Wipes all that this lane has written to. */
  wipe(): void {
    wipe(rowBytes.subarray(0, 4 * this.#n * this.#row));
    wipe(keyBytes.subarray(0, (this.#n + 1) * SEMIBLOCK_BYTES * this.count));
  }

  // Below, "| 0" and "| 1" tell V8 that no index overflows 32 bits: that halves the time of these loops.

  /** A ^ t of each key, from row `from` to row `to`; two keys a turn, which is a little faster than one. */
  #moveA(from: number, to: number, t: number): void {
    const x = wordOf(t);
    const shift = ((to - from) * this.#row) | 0;
    const end = (from * this.#row) | 0;
    for (let at = (end - this.#row) | 0; at < end; at = (at + 2 * BLOCK) | 0) {
      const there = (at + shift) | 0;
      ROWS[there] = ROWS[at]!;
      ROWS[there | 1] = ROWS[at | 1]! ^ x;
      ROWS[there | 4] = ROWS[at | 4]!;
      ROWS[there | 5] = ROWS[at | 5]! ^ x;
    }
  }

  /** Into `half` of row `i`: the semiblock `index` of each key of `semiblocks` semiblocks. */
  #read(half: number, i: number, index: number, semiblocks: number): void {
    const start = ((i - 1) * this.#row + half) | 0;
    const end = (start + this.count * BLOCK) | 0;
    let from = (index * SEMIBLOCK) | 0;
    for (let at = start; at < end; at = (at + BLOCK) | 0) {
      ROWS[at] = KEYS[from]!;
      ROWS[at | 1] = KEYS[from | 1]!;
      from = (from + semiblocks * SEMIBLOCK) | 0;
    }
  }

  /** The reverse of `#read`. */
  #write(half: number, i: number, index: number, semiblocks: number): void {
    const start = ((i - 1) * this.#row + half) | 0;
    const end = (start + this.count * BLOCK) | 0;
    let to = (index * SEMIBLOCK) | 0;
    for (let at = start; at < end; at = (at + BLOCK) | 0) {
      KEYS[to] = ROWS[at]!;
      KEYS[to | 1] = ROWS[at | 1]!;
      to = (to + semiblocks * SEMIBLOCK) | 0;
    }
  }
}

/** The low half of t, a big-endian number of 64 bits, as the word that its bytes are in memory. */
function wordOf(t: number): number {
  return littleEndian ? ((t & 0xff) << 24) | ((t & 0xff00) << 8) : t;
}

const littleEndian = new Uint8Array(Int32Array.of(1).buffer)[0] === 1;

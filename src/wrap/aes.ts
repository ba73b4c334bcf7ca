/**
 * The AES block cipher (FIPS 197), with a key schedule that does not outlive its use. The blocks are computed by
 * @noble/ciphers with table look-ups: not hardened against an attacker who shares this CPU's caches.
 */
import {unsafe} from '@noble/ciphers/aes.js';
import {secretBytes, wipe} from '../bytes.js';

/** Bytes of an AES block. */
export const BLOCK_BYTES = 16;

/** Encrypts or decrypts 16 bytes in place; they must be aligned to 4 bytes, as a buffer of `secretBytes` is. */
export type BlockCipher = (block: Uint8Array) => void;

/** Calls `use` with AES encryption under `kek` (16, 24 or 32 bytes). The key schedule is wiped before this returns. */
export function withEncryption<T>(kek: Uint8Array, use: (encryptBlock: BlockCipher) => T): T {
  return withSchedule(kek, unsafe.expandKeyLE, (schedule) => use((block) => unsafe.encryptBlock(schedule, block)));
}

/** Calls `use` with AES decryption under `kek` (16, 24 or 32 bytes). The key schedule is wiped before this returns. */
export function withDecryption<T>(kek: Uint8Array, use: (decryptBlock: BlockCipher) => T): T {
  return withSchedule(kek, unsafe.expandKeyDecLE, (schedule) => use((block) => unsafe.decryptBlock(schedule, block)));
}

function withSchedule<T>(
  kek: Uint8Array,
  expand: (key: Uint8Array) => Uint32Array,
  use: (schedule: Uint32Array) => T,
): T {
  // noble reads an aligned key where it lies; of any other it makes a copy inside V8's heap, which cannot be wiped.
  const aligned = secretBytes(kek.length);
  aligned.set(kek);
  const schedule = expand(aligned);
  wipe(aligned);
  try {
    return use(schedule);
  } finally {
    schedule.fill(0);
  }
}

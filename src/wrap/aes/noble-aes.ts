/**
 * AES of @noble/ciphers, in JavaScript: runs everywhere, and everything it makes can be wiped. It looks up tables: not
 * hardened against an attacker who shares this CPU's caches.
 */
import {createRequire} from 'node:module';
import {secretBytes, wipe} from '../../bytes.js';
import {type AesEngine, BLOCK_BYTES, type BlockCipher} from './cipher.js';

export function loadNoble(): AesEngine {
  const {unsafe} = createRequire(import.meta.url)('@noble/ciphers/aes.js') as typeof import('@noble/ciphers/aes.js');

  function withSchedule<T>(
    kek: Uint8Array,
    expand: (key: Uint8Array) => Uint32Array,
    cipher: (schedule: Uint32Array, block: Uint8Array) => unknown,
    use: (cipher: BlockCipher) => T,
  ): T {
    // noble reads an aligned key where it lies; of any other it makes a copy inside V8's heap, which cannot be wiped.
    const aligned = secretBytes(kek.length);
    aligned.set(kek);
    const schedule = expand(aligned);
    wipe(aligned);
    try {
      return use((blocks) => {
        for (let at = 0; at < blocks.length; at += BLOCK_BYTES) cipher(schedule, blocks.subarray(at, at + BLOCK_BYTES));
      });
    } finally {
      schedule.fill(0);
    }
  }

  return {
    name: '@noble/ciphers',
    encrypt: (kek, use) => withSchedule(kek, unsafe.expandKeyLE, unsafe.encryptBlock, use),
    decrypt: (kek, use) => withSchedule(kek, unsafe.expandKeyDecLE, unsafe.decryptBlock, use),
  };
}

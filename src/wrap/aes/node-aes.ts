/**
 * AES of node:crypto: there at once, where libcrypto by Koffi has to be loaded. Each call makes a new buffer, which is
 * copied back and wiped. It is not used to unwrap: a search of the memory found a block of plaintext after that (Node
 * 20 and 24).
 */
import type {Cipher, Decipher} from 'node:crypto';
import {createRequire} from 'node:module';
import {wipe} from '../../bytes.js';
import type {AesEngine, BlockCipher} from './cipher.js';

export function loadNodeCrypto(): AesEngine {
  const {createCipheriv, createDecipheriv} = createRequire(import.meta.url)(
    'node:crypto',
  ) as typeof import('node:crypto');

  function withCipher<T>(cipher: Cipher | Decipher, use: (cipher: BlockCipher) => T): T {
    cipher.setAutoPadding(false);
    try {
      return use((blocks) => {
        const result = cipher.update(blocks);
        blocks.set(result);
        wipe(result);
      });
    } finally {
      cipher.final(); // frees and wipes the key schedule now, not at some garbage collection
    }
  }

  return {
    name: 'node:crypto',
    encrypt: (kek, use) => withCipher(createCipheriv(`aes-${kek.length * 8}-ecb`, kek, null), use),
    decrypt: (kek, use) => withCipher(createDecipheriv(`aes-${kek.length * 8}-ecb`, kek, null), use),
  };
}

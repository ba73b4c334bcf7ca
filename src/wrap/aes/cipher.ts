/** What an AES engine is. There are three: ffi.ts, node-aes.ts, noble-aes.ts; engine.ts chooses. */

/** Bytes of an AES block. */
export const BLOCK_BYTES = 16;

/**
 * AES-ECB in place, of each block that `blocks` consists of. It is aligned to 4 bytes, as a buffer of `secretBytes` is.
 */
export type BlockCipher = (blocks: Uint8Array) => void;

/** AES (FIPS 197) under `kek`, 16 or 32 bytes, lent to `use`: the key schedule is wiped before the call returns. */
export interface AesEngine {
  readonly name: 'libcrypto' | 'node:crypto' | '@noble/ciphers';
  encrypt<T>(kek: Uint8Array, use: (encryptBlocks: BlockCipher) => T): T;
  decrypt<T>(kek: Uint8Array, use: (decryptBlocks: BlockCipher) => T): T;
}

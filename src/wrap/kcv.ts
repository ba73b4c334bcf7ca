/**
 * The key check value of a KEK: tells people which KEK this is, without telling the KEK.
 * ANSI X9.24-1:2017, section 7.7.2 and annex A.3: the first 5 bytes of AES-CMAC (NIST SP 800-38B) over one zero block.
 * Left out: CMAC of anything else.
 */
import {unsafe} from '@noble/ciphers/aes.js';
import {secretBytes, viewBytes, wipe} from '../bytes.js';
import {BLOCK_BYTES, withEncryption} from './aes.js';
import {KEK_BYTES} from './layout.js';

/** Bytes of a key check value. */
export const KCV_BYTES = 5;

/** The key check value (5 bytes, public) of `kek` (16 or 32 bytes). Throws BAD_ARGUMENT. */
export function keyCheckValue(kek: Uint8Array): Uint8Array {
  const kekBytes = viewBytes(kek, KEK_BYTES, 'kek');
  const block = secretBytes(BLOCK_BYTES);
  try {
    return withEncryption(kekBytes, (encryptBlock) => {
      // CMAC of a message of one whole block M: E(M xor K1), with K1 = double(E(0)). Here M is zero.
      encryptBlock(block);
      unsafe.dbl(block);
      encryptBlock(block);
      return block.slice(0, KCV_BYTES);
    });
  } finally {
    wipe(block);
  }
}

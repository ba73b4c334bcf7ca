/**
 * The key check value of a KEK: tells people which KEK this is, without telling the KEK.
 * ANSI X9.24-1:2017, section 7.7.2 and annex A.3: the first 5 bytes of AES-CMAC (NIST SP 800-38B) over one zero block.
 */
import {viewBytes, wipe} from '../bytes.js';
import {KCV_BYTES, KEK_BYTES} from '../dek-layout.js';
import {BLOCK_BYTES} from './aes/cipher.js';
import {cmac} from './cmac.js';

/** What the check value is the CMAC of. */
export const KCV_MESSAGE: Uint8Array = new Uint8Array(BLOCK_BYTES);

/**
 * The key check value of a KEK: public, and the same five bytes mean the same KEK.
 * @param kek - the import KEK, 16 or 32 bytes
 * @returns 5 bytes
 * @throws DekError: BAD_ARGUMENT
 */
export function keyCheckValue(kek: Uint8Array): Uint8Array {
  const tag = cmac(viewBytes(kek, KEK_BYTES, 'kek'), KCV_MESSAGE);
  try {
    return tag.slice(0, KCV_BYTES);
  } finally {
    wipe(tag);
  }
}

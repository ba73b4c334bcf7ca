/**
 * The key check value of a KEK: tells people which KEK this is, without telling the KEK.
 * ANSI X9.24-1:2017, section 7.7.2 and annex A.3: the first 5 bytes of AES-CMAC (NIST SP 800-38B) over one zero block.
 * Left out: CMAC of anything else.
 */
import {secretBytes, viewBytes, wipe} from '../bytes.js';
import {KCV_BYTES, KEK_BYTES} from '../dek-layout.js';
import {BLOCK_BYTES} from './aes.js';
import {engineToWrap} from './engine.js';

/**
 * The key check value of a KEK: public, and the same five bytes mean the same KEK.
 * @param kek - the import KEK, 16 or 32 bytes
 * @returns 5 bytes
 * @throws DekError: BAD_ARGUMENT
 */
export function keyCheckValue(kek: Uint8Array): Uint8Array {
  const kekBytes = viewBytes(kek, KEK_BYTES, 'kek');
  const block = secretBytes(BLOCK_BYTES);
  try {
    return engineToWrap(1).encrypt(kekBytes, (encryptBlock) => {
      // CMAC of a message of one whole block M: E(M xor K1), with K1 = double(E(0)). Here M is zero.
      encryptBlock(block);
      double(block);
      encryptBlock(block);
      return block.slice(0, KCV_BYTES);
    });
  } finally {
    wipe(block);
  }
}

/** Multiplies by x in GF(2^128), SP 800-38B section 5.3; without a branch, since `block` is secret. */
function double(block: Uint8Array): void {
  const highest = block[0]! >>> 7;
  for (let at = 0; at < BLOCK_BYTES - 1; at++) block[at] = (block[at]! << 1) | (block[at + 1]! >>> 7);
  block[BLOCK_BYTES - 1] = (block[BLOCK_BYTES - 1]! << 1) ^ (highest * 0x87);
}

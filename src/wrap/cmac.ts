/** AES-CMAC: NIST SP 800-38B section 6.2, RFC 4493. Left out: tags that are cut off. */
import {secretBytes, wipe} from '../bytes.js';
import {BLOCK_BYTES} from './aes/cipher.js';
import {engineToWrap} from './aes/engine.js';

/** AES-CMAC of `message`, of any length, under `key` of 16 or 32 bytes: 16 bytes in a buffer that the caller wipes. */
export function cmac(key: Uint8Array, message: Uint8Array): Uint8Array {
  const subkey = secretBytes(BLOCK_BYTES);
  const state = secretBytes(BLOCK_BYTES);
  const last = Math.max(0, Math.ceil(message.length / BLOCK_BYTES) - 1) * BLOCK_BYTES;
  try {
    return engineToWrap(1).encrypt(key, (encryptBlock) => {
      encryptBlock(subkey);
      double(subkey);
      for (let at = 0; at < last; at += BLOCK_BYTES) {
        xor(state, message.subarray(at, at + BLOCK_BYTES));
        encryptBlock(state);
      }
      const rest = message.subarray(last);
      xor(state, rest);
      if (rest.length < BLOCK_BYTES) {
        state[rest.length]! ^= 0x80;
        double(subkey);
      }
      xor(state, subkey);
      encryptBlock(state);
      const tag = secretBytes(BLOCK_BYTES);
      tag.set(state);
      return tag;
    });
  } finally {
    wipe(subkey, state);
  }
}

function xor(into: Uint8Array, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at++) into[at]! ^= bytes[at]!;
}

/** Multiplies by x in GF(2^128), SP 800-38B section 5.3; without a branch, since `block` is secret. */
function double(block: Uint8Array): void {
  const highest = block[0]! >>> 7;
  for (let at = 0; at < BLOCK_BYTES - 1; at++) block[at] = (block[at]! << 1) | (block[at + 1]! >>> 7);
  block[BLOCK_BYTES - 1] = (block[BLOCK_BYTES - 1]! << 1) ^ (highest * 0x87);
}

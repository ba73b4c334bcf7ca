/**
 * AES key wrap, RFC 3394 (KW of NIST SP 800-38F), with the default initial value A6A6A6A6A6A6A6A6.
 * Left out: other initial values, padding (KWP, RFC 5649), KEKs of 24 bytes, which no NIC takes.
 */
import {type LengthRange, scratchBytes, secretCopy, viewBytes, wipe} from '../bytes.js';
import {KEK_BYTES, plaintextBytes, SEMIBLOCK_BYTES, wrappedBytes} from '../dek-layout.js';
import {DekError} from '../errors.js';
import {BLOCK_BYTES, type BlockCipher} from './aes/cipher.js';
import {engineToUnwrap, engineToWrap} from './aes/engine.js';

/** RFC 3394 section 2: two semiblocks at least. */
export const MIN_PLAINTEXT_BYTES = 16;
/** A bound of ours: what is longer is no key. */
export const MAX_PLAINTEXT_BYTES = 4096;

const PLAINTEXT_RANGE: LengthRange = {min: MIN_PLAINTEXT_BYTES, max: MAX_PLAINTEXT_BYTES, step: SEMIBLOCK_BYTES};
const WRAPPED_RANGE: LengthRange = {
  min: wrappedBytes(MIN_PLAINTEXT_BYTES),
  max: wrappedBytes(MAX_PLAINTEXT_BYTES),
  step: SEMIBLOCK_BYTES,
};

/** Each byte of the default initial value, RFC 3394 section 2.2.3.1. */
export const IV_BYTE = 0xa6;
/** The loop variable j of RFC 3394 section 2.2.1 runs from 0 to 5. */
export const ROUNDS = 6;

/**
 * Scratch that is kept, since new buffers would cost as much as the AES: A and R[1] ... R[n]; and A | R[i], what AES is
 * given.
 */
const scratch = scratchBytes(WRAPPED_RANGE.max);
const block = scratchBytes(BLOCK_BYTES);
const BLOCK = new Int32Array(block.buffer);

/**
 * AES key wrap, RFC 3394 section 2.2.1: the same result each time.
 * @param kek - the import KEK, 16 or 32 bytes
 * @param plaintext - 16 to 4096 bytes, a multiple of 8
 * @returns the wrapped key, 8 bytes longer than `plaintext`
 * @throws DekError: BAD_ARGUMENT
 */
export function wrapKey(kek: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const kekBytes = viewBytes(kek, KEK_BYTES, 'kek');
  const plain = viewBytes(plaintext, PLAINTEXT_RANGE, 'plaintext');
  const data = scratch.subarray(0, wrappedBytes(plain.length));
  data.set(plain, SEMIBLOCK_BYTES);
  try {
    engineToWrap(1).encrypt(kekBytes, (encryptBlock) => wrapInPlace(encryptBlock, data));
    return secretCopy(data);
  } finally {
    wipe(data, block);
  }
}

/**
 * The reverse of `wrapKey`, RFC 3394 section 2.2.2.
 * @param kek - the import KEK, 16 or 32 bytes
 * @param wrapped - 24 to 4104 bytes, a multiple of 8
 * @returns the plaintext, 8 bytes shorter, in a buffer that the caller wipes
 * @throws DekError: BAD_ARGUMENT; UNWRAP_FAILED, without saying why, when KEK and bytes do not belong together
 */
export function unwrapKey(kek: Uint8Array, wrapped: Uint8Array): Uint8Array {
  const kekBytes = viewBytes(kek, KEK_BYTES, 'kek');
  const input = viewBytes(wrapped, WRAPPED_RANGE, 'wrapped');
  const data = scratch.subarray(0, input.length);
  data.set(input);
  try {
    if (!engineToUnwrap().decrypt(kekBytes, (decryptBlock) => unwrapInPlace(decryptBlock, data))) throw unwrapFailed();
    return secretCopy(data.subarray(SEMIBLOCK_BYTES));
  } finally {
    wipe(data, block);
  }
}

/** The one error of an unwrap. */
export function unwrapFailed(): DekError<'UNWRAP_FAILED'> {
  return new DekError('UNWRAP_FAILED', 'integrity check failed', {
    hint: 'it was wrapped with another KEK, or with padding (RFC 5649), or not at all, or altered',
  });
}

/**
 * RFC 3394 section 2.2.1 in its index-based form. On entry `data` is 8 bytes of any content and then the
 * plaintext R[1] ... R[n]; on return it is A and R[1] ... R[n] wrapped.
 */
export function wrapInPlace(encryptBlock: BlockCipher, data: Uint8Array): void {
  const n = plaintextBytes(data.length) / SEMIBLOCK_BYTES;
  // R[i] is the words 2i and 2i + 1; R[0] is room for A.
  const R = new Int32Array(data.buffer, data.byteOffset, data.length / 4);
  block.fill(IV_BYTE, 0, SEMIBLOCK_BYTES);
  for (let j = 0; j < ROUNDS; j++) {
    for (let i = 1; i <= n; i++) {
      BLOCK[2] = R[2 * i]!;
      BLOCK[3] = R[2 * i + 1]!;
      encryptBlock(block);
      xorCounter(n * j + i);
      R[2 * i] = BLOCK[2]!;
      R[2 * i + 1] = BLOCK[3]!;
    }
  }
  R[0] = BLOCK[0]!;
  R[1] = BLOCK[1]!;
}

/**
 * RFC 3394 section 2.2.2. On entry `data` is A and R[1] ... R[n] wrapped; on return its last n semiblocks
 * are the plaintext if the answer is true. If it is false they mean nothing, and the caller wipes them.
 */
export function unwrapInPlace(decryptBlock: BlockCipher, data: Uint8Array): boolean {
  const n = plaintextBytes(data.length) / SEMIBLOCK_BYTES;
  const R = new Int32Array(data.buffer, data.byteOffset, data.length / 4); // R[i] is the words 2i and 2i + 1; R[0] is A
  BLOCK[0] = R[0]!;
  BLOCK[1] = R[1]!;
  for (let j = ROUNDS - 1; j >= 0; j--) {
    for (let i = n; i >= 1; i--) {
      BLOCK[2] = R[2 * i]!;
      BLOCK[3] = R[2 * i + 1]!;
      xorCounter(n * j + i);
      decryptBlock(block);
      R[2 * i] = BLOCK[2]!;
      R[2 * i + 1] = BLOCK[3]!;
    }
  }
  // All eight bytes, without an early exit: the time must not tell how many were right.
  let difference = 0;
  for (let at = 0; at < SEMIBLOCK_BYTES; at++) difference |= block[at]! ^ IV_BYTE;
  return difference === 0;
}

/** A ^= t, with t as a big-endian number of 64 bits. MAX_PLAINTEXT_BYTES keeps t below 2^16. */
function xorCounter(t: number): void {
  block[6]! ^= t >>> 8;
  block[7]! ^= t;
}

/**
 * Many keys of one size under one KEK, one after the other: the key schedule is computed once. No lanes, no threads.
 */
import {secretBytes, viewBytes, wipe} from '../bytes.js';
import {DekError} from '../errors.js';
import {withDecryption, withEncryption} from './aes.js';
import {MAX_PLAINTEXT_BYTES, MIN_PLAINTEXT_BYTES, unwrapInPlace, wrapInPlace} from './kw.js';
import {KEK_BYTES, SEMIBLOCK_BYTES, wrappedBytes} from './layout.js';

/** The most bytes in one call: 1 GiB, which is below the largest buffer of every Node that we run on. */
const MAX_TOTAL_BYTES = 2 ** 30;

/**
 * Wraps keys of `plaintextBytes` bytes each (16 to 4096, a multiple of 8), concatenated in `plaintexts`. Returns them
 * wrapped, concatenated in the same order, 8 bytes longer each. Like `wrapKey` it does not look at what it wraps: an equal
 * key1 and key2 are not noticed. Throws BAD_ARGUMENT.
 */
export function wrapKeys(kek: Uint8Array, plaintexts: Uint8Array, plaintextBytes: number): Uint8Array {
  assertKeyLength(plaintextBytes);
  const kekBytes = viewBytes(kek, KEK_BYTES, 'kek');
  const input = viewBytes(plaintexts, {min: 0, max: MAX_TOTAL_BYTES, step: plaintextBytes}, 'plaintexts');
  const eachBytes = wrappedBytes(plaintextBytes);
  const count = input.length / plaintextBytes;
  const wrapped = secretBytes(count * eachBytes);
  withEncryption(kekBytes, (encryptBlock) => {
    for (let index = 0; index < count; index++) {
      const key = wrapped.subarray(index * eachBytes, (index + 1) * eachBytes);
      key.set(input.subarray(index * plaintextBytes, (index + 1) * plaintextBytes), SEMIBLOCK_BYTES);
      wrapInPlace(encryptBlock, key);
    }
  });
  return wrapped;
}

/**
 * The reverse of `wrapKeys`, all or nothing: `plaintextBytes` as given there, the result in a buffer that the caller wipes.
 * Throws BAD_ARGUMENT; UNWRAP_FAILED, with the position of the key counted from 0, for the first that fails its check.
 */
export function unwrapKeys(kek: Uint8Array, wrapped: Uint8Array, plaintextBytes: number): Uint8Array {
  assertKeyLength(plaintextBytes);
  const eachBytes = wrappedBytes(plaintextBytes);
  const kekBytes = viewBytes(kek, KEK_BYTES, 'kek');
  const input = viewBytes(wrapped, {min: 0, max: MAX_TOTAL_BYTES, step: eachBytes}, 'wrapped');
  const count = input.length / eachBytes;
  const plaintexts = secretBytes(count * plaintextBytes);
  const scratch = secretBytes(eachBytes);
  try {
    withDecryption(kekBytes, (decryptBlock) => {
      for (let index = 0; index < count; index++) {
        scratch.set(input.subarray(index * eachBytes, (index + 1) * eachBytes));
        if (!unwrapInPlace(decryptBlock, scratch)) throw failedAt(index);
        plaintexts.set(scratch.subarray(SEMIBLOCK_BYTES), index * plaintextBytes);
      }
    });
  } catch (error) {
    wipe(plaintexts);
    throw error;
  } finally {
    wipe(scratch);
  }
  return plaintexts;
}

function failedAt(index: number): DekError<'UNWRAP_FAILED'> {
  return new DekError('UNWRAP_FAILED', `integrity check failed for key ${index}`, {
    hint: 'keys are counted from 0; none was returned',
  });
}

function assertKeyLength(bytes: unknown): asserts bytes is number {
  const is = typeof bytes === 'number' && bytes % SEMIBLOCK_BYTES === 0;
  if (is && bytes >= MIN_PLAINTEXT_BYTES && bytes <= MAX_PLAINTEXT_BYTES) return;
  const expected = `a multiple of 8 from ${MIN_PLAINTEXT_BYTES} to ${MAX_PLAINTEXT_BYTES}`;
  throw new DekError('BAD_ARGUMENT', `"plaintextBytes" expected ${expected}, got ${is ? bytes : typeof bytes}`);
}

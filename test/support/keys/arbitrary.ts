/**
 * Generators and helpers that the tests of the wrap engine share. `SLOW=1` runs every property a hundred times as
 * often.
 */
import fc from 'fast-check';
import {DEK_LAYOUTS} from '../../../src/dek-layout.js';
import {DekError} from '../../../src/errors.js';

fc.configureGlobal({numRuns: process.env['SLOW'] ? 10_000 : 100});

/** Bytes of exactly this length. */
export function exactly(length: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({minLength: length, maxLength: length});
}

/** A KEK of 16 or 32 bytes. */
export const kek = fc.constantFrom(16, 32).chain(exactly);

/** What key wrap takes: 16 bytes and more, a multiple of 8; short ones, for speed. */
export const keyData = fc.integer({min: 2, max: 12}).chain((n) => exactly(8 * n));

/** A DEK of each layout, key1 and key2 not equal. */
export const dek = fc
  .constantFrom(...DEK_LAYOUTS)
  .chain(({keySize, keytag}) =>
    fc.record({
      key1: exactly(keySize / 8),
      key2: exactly(keySize / 8),
      ...(keytag ? {keytag: exactly(8)} : {}),
    }),
  )
  .filter(({key1, key2}) => Buffer.compare(key1, key2) !== 0);

/** The code of the DekError that `call` throws. Any other error, or none, is not what was asked for. */
export function refusal(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof DekError) return error.code;
    throw error;
  }
  return 'no error';
}

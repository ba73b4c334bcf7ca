/**
 * A DEK as the NIC takes it: key1, key2 and, if it has one, the keytag, wrapped. The sizes stand in dek-layout.ts.
 */
import {equalBytes, secretBytes, viewBytes, wipe} from '../bytes.js';
import {
  DEK_PLAINTEXT_BYTES,
  DEK_WRAPPED_BYTES,
  KEK_BYTES,
  KEYTAG_BYTES,
  type KeySize,
  layoutOf,
  layoutOfPlaintext,
} from '../dek-layout.js';
import {DekError} from '../errors.js';
import {given} from '../given.js';
import {unwrapKey, wrapKey} from './kw.js';

/** The parts of a DEK, all secret but the keytag. */
export interface DekKeys {
  /** The XTS key that encrypts data: 16 or 32 bytes. */
  key1: Uint8Array;
  /** The XTS key that encrypts the tweak: as long as key1, and not equal to it. */
  key2: Uint8Array;
  /** 8 bytes that the NIC compares with the MKey's keytag. */
  keytag?: Uint8Array | undefined;
}

/** A DEK that was unwrapped. */
export interface UnwrappedDek extends DekKeys {
  keySize: KeySize;
}

/**
 * Wraps a DEK as a NIC takes it.
 * @param kek - the import KEK, 16 or 32 bytes
 * @param dek - its keys, of 16 or 32 bytes each, and its keytag if it has one
 * @returns 40, 48, 72 or 80 bytes
 * @throws DekError: BAD_ARGUMENT; EQUAL_KEYS when key1 and key2 are one key, which FIPS 140-3 IG C.I forbids for
 *   AES-XTS
 */
export function wrapDek(kek: Uint8Array, dek: DekKeys): Uint8Array {
  if (typeof dek !== 'object' || dek === null) {
    throw new DekError('BAD_ARGUMENT', `"dek" expected an object with key1 and key2, got type=${typeof dek}`);
  }
  // Read before anything is checked: these may be getters, and from here on no code of the caller runs.
  const parts = () => [dek.key1, dek.key2, dek.keytag] as const;
  const [first, second, tag] = given('dek', 'an object with key1 and key2', parts);
  const kekBytes = viewBytes(kek, KEK_BYTES, 'kek');
  const key1 = viewBytes(first, [16, 32], 'key1');
  const key2 = viewBytes(second, [key1.length], 'key2');
  const keytag = tag === undefined ? undefined : viewBytes(tag, [KEYTAG_BYTES], 'keytag');
  if (equalBytes(key1, key2)) throw equalKeys();
  const layout = layoutOf(key1.length * 8, keytag !== undefined);
  const plaintext = secretBytes(layout.plaintextBytes);
  try {
    plaintext.set(key1);
    plaintext.set(key2, key1.length);
    if (keytag) plaintext.set(keytag, 2 * key1.length);
    return wrapKey(kekBytes, plaintext);
  } finally {
    wipe(plaintext);
  }
}

/** How to take a DEK apart. */
export interface SplitOptions {
  /** Give the parts also when key1 equals key2. */
  allowEqualKeys?: boolean | undefined;
}

/**
 * The reverse of `wrapDek`.
 * @param kek - the import KEK, 16 or 32 bytes
 * @param wrapped - 40, 48, 72 or 80 bytes
 * @param options - how to take the DEK apart
 * @returns its parts, which are views of one new buffer: wipe each of them
 * @throws DekError: BAD_ARGUMENT; UNWRAP_FAILED; EQUAL_KEYS when what was wrapped has key1 == key2, unless
 *   `allowEqualKeys`
 */
export function unwrapDek(kek: Uint8Array, wrapped: Uint8Array, options: SplitOptions = {}): UnwrappedDek {
  const plaintext = unwrapKey(kek, viewBytes(wrapped, DEK_WRAPPED_BYTES, 'wrapped'));
  try {
    return splitDek(plaintext, options);
  } catch (error) {
    wipe(plaintext);
    throw error;
  }
}

/**
 * The parts of a plaintext DEK (32, 40, 64 or 72 bytes), as views of it: nothing is copied. Throws BAD_ARGUMENT, and
 * EQUAL_KEYS unless `allowEqualKeys`.
 */
export function splitDek(plaintext: Uint8Array, {allowEqualKeys = false}: SplitOptions = {}): UnwrappedDek {
  const bytes = viewBytes(plaintext, DEK_PLAINTEXT_BYTES, 'plaintext');
  const {keySize, keytag} = layoutOfPlaintext(bytes.length);
  const keyBytes = keySize / 8;
  const key1 = bytes.subarray(0, keyBytes);
  const key2 = bytes.subarray(keyBytes, 2 * keyBytes);
  if (!allowEqualKeys && equalBytes(key1, key2)) throw wholeButEqual();
  return keytag ? {keySize, key1, key2, keytag: bytes.subarray(2 * keyBytes)} : {keySize, key1, key2};
}

/** The error of a DEK that is to be made, and whose two keys are one. */
export function equalKeys(): DekError<'EQUAL_KEYS'> {
  return new DekError('EQUAL_KEYS', 'key1 and key2 are equal', {
    hint: 'AES-XTS needs two different keys (FIPS 140-3 IG C.I); make a new DEK with: dek keygen',
  });
}

/** The same of one that was made: `which` tells it from others. */
export function wholeButEqual(which = ''): DekError<'EQUAL_KEYS'> {
  return new DekError('EQUAL_KEYS', `${which}whole, but key1 equals key2`, {
    hint: 'AES-XTS needs two different keys (FIPS 140-3 IG C.I): a NIC may take it, one with a FIPS policy does not',
  });
}

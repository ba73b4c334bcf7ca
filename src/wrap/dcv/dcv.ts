/**
 * The check value of a DEK (DCV): names a key without telling it, across all wrappings, by what the key does. Two data
 * units of 512 zero bytes are encrypted as a NIC encrypts them, by AES-XTS (IEEE 1619), and hashed:
 *
 *     DCV = the first 16 bytes of SHA-256("dek-dcv-v1"
 *                                         || XTS(key1, key2, tweak, zeros) || XTS(key1, key2, tweak + 1, zeros))
 *
 * The tweak is the 16 ASCII bytes `mlx5-dek DCV v1.` as they are: no palindrome, so that its byte order counts, and no
 * LBA, so that no block of stored data is ever made. The second unit counts the increments of tweak and block. Public:
 * it tells nothing of a random key, which keys are the same, and offline whether a guessed key is right. Left out: data
 * units of any other size.
 */
import {createHash} from 'node:crypto';
import {equalBytes, secretBytes, viewBytes, wipe} from '../../bytes.js';
import {DCV_BYTES, DEK_PLAINTEXT_BYTES, layoutOfPlaintext} from '../../dek-layout.js';
import {BLOCK_BYTES, type BlockCipher} from '../aes/cipher.js';
import {engineToWrap} from '../aes/engine.js';

/** Bytes of one of the two data units. */
export const DCV_UNIT_BYTES = 512;
/** Data units. */
export const DCV_UNITS = 2;

const TWEAK = Buffer.from('mlx5-dek DCV v1.', 'latin1');
/** What is hashed before the ciphertext. */
export const DCV_PREFIX: Uint8Array = Buffer.from('dek-dcv-v1', 'latin1');
const BLOCKS = DCV_UNIT_BYTES / BLOCK_BYTES;

/** The tweak of a data unit, 16 bytes: of the second it is one more, as a little-endian number. */
export function dcvTweak(unit: 0 | 1): Uint8Array {
  const tweak = Uint8Array.from(TWEAK);
  tweak[0]! += unit; // 'm' is far from a carry
  return tweak;
}

/** The DCV that the ciphertext of both units, 1,024 bytes, stands for. Throws BAD_ARGUMENT. */
export function dcvOfCiphertext(ciphertext: Uint8Array): Uint8Array {
  const bytes = viewBytes(ciphertext, [DCV_UNITS * DCV_UNIT_BYTES], 'ciphertext');
  return new Uint8Array(createHash('sha256').update(DCV_PREFIX).update(bytes).digest().subarray(0, DCV_BYTES));
}

/**
 * The check value of a DEK (DCV): public, and the same for one key however it is wrapped.
 * @param dek - a plaintext DEK of 32, 40, 64 or 72 bytes; a keytag does not count
 * @returns 16 bytes
 * @throws DekError: BAD_ARGUMENT
 */
export function dekCheckValue(dek: Uint8Array): Uint8Array {
  return withHalves(dek, checkValueOf);
}

/**
 * Of a plaintext DEK that was put together wrongly these tell how: two bytes each of the DCV of the same key with its
 * halves swapped, with each half reversed, and with both. Public.
 * @param dek - 32, 40, 64 or 72 bytes
 * @returns 6 bytes
 * @throws DekError: BAD_ARGUMENT
 */
export function dcvHints(dek: Uint8Array): Uint8Array {
  return Uint8Array.from(wrongValues(dek).flatMap((value) => [value[0]!, value[1]!]));
}

/** Which wrong arrangement of the plaintext `dek` has the DCV `value`; undefined when it is another key. */
export function arrangementIn(dek: Uint8Array, value: Uint8Array): Arrangement | undefined {
  return ARRANGEMENTS[wrongValues(dek).findIndex((wrong) => equalBytes(wrong, value))];
}

/** The DCV of the key in each wrong arrangement. */
function wrongValues(dek: Uint8Array): Uint8Array[] {
  return withHalves(dek, (key1, key2) => {
    const [half1, half2] = [secretBytes(key1.length), secretBytes(key2.length)];
    try {
      return ARRANGEMENTS.map((arrangement) => {
        arrange(arrangement, key1, key2, half1, half2);
        return checkValueOf(half1, half2);
      });
    } finally {
      wipe(half1, half2);
    }
  });
}

/** Puts the halves of a key, in a wrong arrangement, into `half1` and `half2`, which are wiped by the caller. */
export function arrange(
  arrangement: Arrangement,
  key1: Uint8Array,
  key2: Uint8Array,
  half1: Uint8Array,
  half2: Uint8Array,
): void {
  const isSwapped = arrangement !== 'halves-reversed';
  half1.set(isSwapped ? key2 : key1);
  half2.set(isSwapped ? key1 : key2);
  if (arrangement === 'halves-swapped') return;
  half1.reverse();
  half2.reverse();
}

/** A wrong arrangement of a DEK. */
export type Arrangement = 'halves-swapped' | 'halves-reversed' | 'halves-swapped-and-reversed';

/** In the order of the hints. */
export const ARRANGEMENTS: readonly Arrangement[] = [
  'halves-swapped',
  'halves-reversed',
  'halves-swapped-and-reversed',
];

/** Which wrong arrangement of the key that has these hints has the DCV `value`; undefined when it is another key. */
export function arrangementOf(value: Uint8Array, hints: Uint8Array): Arrangement | undefined {
  return ARRANGEMENTS.find((_, i) => value[0] === hints[2 * i] && value[1] === hints[2 * i + 1]);
}

function withHalves<T>(dek: Uint8Array, use: (key1: Uint8Array, key2: Uint8Array) => T): T {
  const bytes = viewBytes(dek, DEK_PLAINTEXT_BYTES, 'dek');
  const keyBytes = layoutOfPlaintext(bytes.length).keySize / 8;
  return use(bytes.subarray(0, keyBytes), bytes.subarray(keyBytes, 2 * keyBytes));
}

function checkValueOf(key1: Uint8Array, key2: Uint8Array): Uint8Array {
  const ciphertext = new Uint8Array(DCV_UNITS * DCV_UNIT_BYTES);
  const masks = secretBytes(ciphertext.length);
  try {
    engineToWrap(1).encrypt(key2, (encryptBlock) => fillMasks(encryptBlock, masks));
    ciphertext.set(masks); // of zeros: the plaintext and its mask are the mask
    engineToWrap(1).encrypt(key1, (encryptBlocks) => encryptBlocks(ciphertext));
    for (let at = 0; at < ciphertext.length; at++) ciphertext[at]! ^= masks[at]!;
    return dcvOfCiphertext(ciphertext);
  } finally {
    wipe(masks, ciphertext);
  }
}

/** IEEE 1619 section 5.3: block j of a unit has the mask E(key2, tweak) times x^j in GF(2^128), little-endian. */
function fillMasks(encryptBlock: BlockCipher, masks: Uint8Array): void {
  const mask = secretBytes(BLOCK_BYTES);
  for (const unit of [0, 1] as const) {
    mask.set(dcvTweak(unit));
    encryptBlock(mask);
    for (let block = 0; block < BLOCKS; block++) {
      masks.set(mask, unit * DCV_UNIT_BYTES + block * BLOCK_BYTES);
      double(mask);
    }
  }
  wipe(mask);
}

/** Multiplies by x, without a branch, since the mask is secret. */
function double(mask: Uint8Array): void {
  const highest = mask[BLOCK_BYTES - 1]! >>> 7;
  for (let at = BLOCK_BYTES - 1; at > 0; at--) mask[at] = (mask[at]! << 1) | (mask[at - 1]! >>> 7);
  mask[0] = (mask[0]! << 1) ^ (highest * 0x87);
}

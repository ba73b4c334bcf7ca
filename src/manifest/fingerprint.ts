/**
 * What stands for a name or a wrapped key where duplicates are looked for: 96 bits of HalfSipHash-1-3 (J.-P. Aumasson
 * and D. J. Bernstein, SipHash; the 32-bit variant), keyed at random in each process, so that no file can be made of
 * lines that meet. Two that differ are taken for one with a chance of 2^-57 in a million. Left out: output of any other
 * length; the third word is drawn as the second is.
 */

import {randomFillSync} from 'node:crypto';
import {viewOf} from '../bytes.js';
import type {Columns} from './columns.js';

/** Words of 32 bits a fingerprint. */
export const FINGERPRINT_WORDS = 3;

export type FingerprintKey = readonly [number, number];

export function randomFingerprintKey(): FingerprintKey {
  const [a, b] = randomFillSync(new Int32Array(2));
  return [a!, b!];
}

/** The fingerprint of every name. */
export function nameFingerprintsOf(
  {text, count, nameAt, nameBytes}: Omit<Columns, 'fingerprints'>,
  key: FingerprintKey,
): Int32Array {
  const fingerprints = new Int32Array(count * FINGERPRINT_WORDS);
  const lines = viewOf(text);
  for (let i = 0; i < count; i++) hash(lines, nameAt[i]!, nameBytes[i]!, key, fingerprints, i * FINGERPRINT_WORDS);
  return fingerprints;
}

/** The fingerprint of every wrapped key. */
export function keyFingerprintsOf({count, keys}: Omit<Columns, 'fingerprints'>, key: FingerprintKey): Int32Array {
  const fingerprints = new Int32Array(count * FINGERPRINT_WORDS);
  for (const {layout, wrapped, members} of keys) {
    const {wrappedBytes} = layout;
    const bytes = viewOf(wrapped);
    for (let k = 0; k < members.length; k++) {
      hash(bytes, k * wrappedBytes, wrappedBytes, key, fingerprints, members[k]! * FINGERPRINT_WORDS);
    }
  }
  return fingerprints;
}

/** Hashes `count` bytes of `bytes` from `at` on; three words go to `out`, from `to` on. */
export function hash(
  bytes: DataView,
  at: number,
  count: number,
  key: FingerprintKey,
  out: Int32Array,
  to: number,
): void {
  let v0 = key[0];
  let v1 = key[1] ^ 0xee;
  let v2 = key[0] ^ 0x6c796765;
  let v3 = key[1] ^ 0x74656462;
  const words = count >> 2;
  // One round for each word, the last of which holds what is left and the length; then three for each word that is
  // drawn.
  for (let round = 0; round <= words + 3 * FINGERPRINT_WORDS; round++) {
    let m = 0;
    if (round < words) m = bytes.getInt32(at + 4 * round, true);
    else if (round === words) {
      m = count << 24;
      for (let i = count & 3; i > 0; i--) m |= bytes.getUint8(at + 4 * words + i - 1) << (8 * (i - 1));
    } else if (round === words + 1) v2 ^= 0xee;
    else if ((round - words) % 3 === 1) v1 ^= 0xdd;
    v3 ^= m;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= m;
    if (round > words && (round - words) % 3 === 0) out[to++] = v1 ^ v3;
  }
}

/** The jobs on raw DEKs of one layout, one after the other. */
import {secretBytes, wipe} from '../bytes.js';
import {layoutOfPlaintext} from '../dek-layout.js';
import {wrapKeys} from '../wrap/bulk.js';
import {type BadKey, findEqualKeys, unwrapAll} from './plaintexts.js';

/** What has come of some DEKs. */
export interface RawOutput {
  bytes: Uint8Array;
  count: number;
  bad: BadKey[];
  /** The positions of those that are whole, but key1 equals key2. */
  equal: number[];
}

/** Wraps `bytes`, which are wiped. */
export function wrapRaw(
  {bytes, plaintextBytes}: {bytes: Uint8Array; plaintextBytes: number},
  [kek]: readonly Uint8Array[],
): RawOutput {
  try {
    const bad = findEqualKeys(bytes, layoutOfPlaintext(plaintextBytes));
    return {bytes: wrapKeys(kek!, bytes, plaintextBytes), count: bytes.length / plaintextBytes, bad, equal: []};
  } finally {
    wipe(bytes);
  }
}

/** Unwraps `bytes`; what comes out is given out with `reveal` only, to be wiped. */
export function unwrapRaw(
  {bytes, plaintextBytes, reveal}: {bytes: Uint8Array; plaintextBytes: number; reveal: boolean},
  [kek]: readonly Uint8Array[],
): RawOutput {
  const {plaintexts, bad, equal} = unwrapAll(kek!, bytes, layoutOfPlaintext(plaintextBytes));
  const count = plaintexts.length / plaintextBytes;
  if (reveal && bad.length === 0) return {bytes: plaintexts, count, bad, equal};
  wipe(plaintexts);
  return {bytes: secretBytes(0), count, bad, equal};
}

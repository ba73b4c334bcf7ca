/** The jobs on raw DEKs of one layout, one after the other. */
import {secretBytes, wipe} from '../../bytes.js';
import {layoutOfPlaintext} from '../../dek-layout.js';
import {checkValuesOf} from '../../wrap/dcv/check-values.js';
import type {KekHandle} from '../../wrap/kek-handle.js';
import {type BadKey, findEqualKeys, findOtherKeys, unwrapAll} from '../plaintexts.js';

/** What has come of some DEKs. */
export interface RawOutput {
  bytes: Uint8Array;
  count: number;
  bad: BadKey[];
  /** The positions of those that are whole, but key1 equals key2. */
  equal: number[];
}

/** DEKs in plaintext, to be wiped. */
export interface PlainKeys {
  bytes: Uint8Array;
  /** The check values that they must have, 16 bytes each. */
  expected?: Uint8Array | undefined;
}

/** Wraps `bytes`, which are wiped. With `dcv` or check values that are expected, check values are there too. */
export async function wrapRaw(
  {bytes, expected, plaintextBytes, dcv: isWanted = false}: PlainKeys & {plaintextBytes: number; dcv?: boolean},
  [kek]: readonly KekHandle[],
): Promise<RawOutput & {dcv: Uint8Array}> {
  try {
    const layout = layoutOfPlaintext(plaintextBytes);
    const bad = findEqualKeys(bytes, layout);
    const {dcv} = isWanted || expected ? checkValuesOf(bytes, layout, {hints: false}) : {dcv: new Uint8Array()};
    if (expected) bad.push(...findOtherKeys(bytes, layout, dcv, expected));
    bad.sort((a, b) => a.position - b.position);
    const wrapped = await kek!.wrap(bytes, plaintextBytes);
    return {bytes: wrapped, count: bytes.length / plaintextBytes, bad, equal: [], dcv};
  } finally {
    wipe(bytes);
  }
}

/** Unwraps `bytes`; what comes out is given out with `reveal` only, to be wiped. */
export async function unwrapRaw(
  {bytes, plaintextBytes, reveal}: {bytes: Uint8Array; plaintextBytes: number; reveal: boolean},
  [kek]: readonly KekHandle[],
): Promise<RawOutput> {
  const {plaintexts, bad, equal} = await unwrapAll(kek!, bytes, layoutOfPlaintext(plaintextBytes));
  const count = plaintexts.length / plaintextBytes;
  if (reveal && bad.length === 0) return {bytes: plaintexts, count, bad, equal};
  wipe(plaintexts);
  return {bytes: secretBytes(0), count, bad, equal};
}

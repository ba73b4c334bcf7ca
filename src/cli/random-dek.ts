/** New DEKs for `dek keygen`: keys from the system's random numbers, in plaintext for the time of one wrap. */
import {randomFillSync} from 'node:crypto';
import {equalBytes, fromHex, secretBytes, wipe} from '../bytes.js';
import {DekError} from '../errors.js';
import {wrapDek} from '../wrap/dek.js';
import {KEYTAG_BYTES} from '../wrap/layout.js';

/** A random DEK of this key size, with this keytag if it is to have one, wrapped under `kek`. */
export function randomDek(kek: Uint8Array, keySize: 128 | 256, keytag: Uint8Array | undefined): Uint8Array {
  const keyBytes = keySize / 8;
  const keys = secretBytes(2 * keyBytes);
  const [key1, key2] = [keys.subarray(0, keyBytes), keys.subarray(keyBytes)];
  try {
    do randomFillSync(keys);
    while (equalBytes(key1, key2));
    return wrapDek(kek, {key1, key2, keytag});
  } finally {
    wipe(keys);
  }
}

/** What gives each DEK its keytag: a random one each, the one that `value` has in hex, or none. Throws BAD_ARGUMENT. */
export function keytagSource(random: boolean, value: string | undefined): () => Uint8Array | undefined {
  if (random) return () => randomFillSync(new Uint8Array(KEYTAG_BYTES));
  if (value === undefined) return () => undefined;
  const keytag = fromHex(value, 'keytag-value');
  if (keytag.length === KEYTAG_BYTES) return () => keytag;
  throw new DekError('BAD_ARGUMENT', `"keytag-value" expected ${KEYTAG_BYTES} bytes in hex, got ${keytag.length}`);
}

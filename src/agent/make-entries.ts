/** Makes DEKs of a manifest on one NIC: for an apply, and for the health check. */
import {toHex, wipe} from '../bytes.js';
import {DekError} from '../errors.js';
import type {ManifestEntry} from '../manifest/index.js';
import type {CreateDekOptions, Dek} from '../rdma/index.js';
import {splitDek, unwrapKey} from '../wrap/index.js';
import {layoutOf} from '../wrap/layout.js';
import {fingerprint} from './fingerprint.js';
import type {HeldDek, Nic} from './nic.js';

/** What a DEK is made from. */
export type Source = Pick<ManifestEntry, 'name' | 'keySize' | 'keytag' | 'opaque' | 'wrapped'>;

/** A DEK or an error for each, in order. With `kek` a NIC in plaintext import mode gets them unwrapped, right before their create. */
export async function makeEntries(
  nic: Nic,
  entries: readonly Source[],
  kek: Uint8Array | undefined,
): Promise<readonly (Dek | DekError)[]> {
  if (!kek || nic.importMode !== 'plaintext') return nic.make(entries);
  const plaintexts: Uint8Array[] = [];
  try {
    const unwrapped = entries.map(({keySize, keytag, opaque, wrapped}): CreateDekOptions | DekError => {
      try {
        const plaintext = unwrapKey(kek, wrapped);
        plaintexts.push(plaintext);
        splitDek(plaintext); // throws EQUAL_KEYS
        return {plaintext, keySize, keytag, opaque};
      } catch (error) {
        if (error instanceof DekError) return error;
        throw error;
      }
    });
    const made = await nic.make(unwrapped.filter((one): one is CreateDekOptions => !(one instanceof DekError)));
    let next = 0;
    return unwrapped.map((one) => (one instanceof DekError ? one : made[next++]!));
  } finally {
    wipe(...plaintexts);
  }
}

/** How it is held once it is made. */
export function heldOf({keySize, keytag, opaque, wrapped}: Source, dek: Dek, round: number): HeldDek {
  return {
    dek,
    state: 'READY',
    round,
    layout: layoutOf(keySize, keytag),
    opaque: toHex(opaque),
    fingerprint: fingerprint(wrapped, opaque),
    wrapped: null,
  };
}

/** Makes DEKs of a manifest on one NIC: for an apply, and for the health check. */
import {wipe} from '../../bytes.js';
import type {DekError} from '../../errors.js';
import type {Dek} from '../../rdma/index.js';
import {unwrapKeys} from '../../wrap/index.js';
import {unwrapFailed} from '../../wrap/kw.js';
import type {Nic} from '../nic/nic.js';
import type {DekBatch} from './dek-batch.js';

/** A DEK or an error for each, in order. With `kek` a NIC in plaintext import mode gets them unwrapped, right before their create. */
export async function makeBatch(
  nic: Nic,
  {layout, wrapped, opaque, names}: DekBatch,
  kek: Uint8Array | undefined,
): Promise<readonly (Dek | DekError)[]> {
  if (!kek || nic.importMode !== 'plaintext') return nic.make({import: 'wrapped', layout, keys: wrapped, opaque});
  const failed: number[] = [];
  const keys = unwrapKeys(kek, wrapped, layout.plaintextBytes, failed);
  try {
    const results = new Array<Dek | DekError>(names.length);
    for (const i of failed) results[i] = unwrapFailed();
    const good = failed.length === 0 ? undefined : [...names.keys()].filter((i) => !results[i]);
    const made = await nic.make({import: 'plaintext', layout, keys, opaque}, good);
    if (!good) return made;
    for (const [k, i] of good.entries()) results[i] = made[k]!;
    return results;
  } finally {
    wipe(keys);
  }
}

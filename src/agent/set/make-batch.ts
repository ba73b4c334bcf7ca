/** Makes DEKs of a manifest on one NIC: for an apply, and for the health check. */
import {wipe} from '../../bytes.js';
import type {DekError} from '../../errors.js';
import type {Dek} from '../../rdma/index.js';
import {unwrapKeys} from '../../wrap/index.js';
import {unwrapFailed} from '../../wrap/kw.js';
import {pickColumn} from '../nic/make.js';
import type {Nic} from '../nic/nic.js';
import type {DekBatch} from './dek-batch.js';

/**
 * A DEK or an error for each, in order. With `kek` a NIC in plaintext import mode gets them unwrapped, right before
 * their create. With `query` each is found READY.
 */
export async function makeBatch(
  nic: Nic,
  {layout, wrapped, opaque, names}: DekBatch,
  kek: Uint8Array | undefined,
  query: boolean,
): Promise<readonly (Dek | DekError)[]> {
  const {keySize, keytag, plaintextBytes} = layout;
  if (!kek || nic.importMode !== 'plaintext') return nic.make({keySize, keytag, wrapped, opaque}, query);
  const failed: number[] = [];
  const plaintext = unwrapKeys(kek, wrapped, plaintextBytes, failed);
  const results = new Array<Dek | DekError>(names.length);
  for (const i of failed) results[i] = unwrapFailed();
  const good = [...names.keys()].filter((i) => !results[i]);
  const column = pickColumn({keySize, keytag, plaintext, opaque}, good);
  try {
    for (const [k, dek] of (await nic.make(column, query)).entries()) results[good[k]!] = dek;
    return results;
  } finally {
    wipe(plaintext, column.plaintext);
  }
}

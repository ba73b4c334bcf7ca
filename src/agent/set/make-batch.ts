/** Makes DEKs of a manifest on one NIC: for an apply, and for the health check. */
import {wipe} from '../../bytes.js';
import {DekError} from '../../errors.js';
import type {Dek} from '../../rdma/index.js';
import type {KekHandle} from '../../wrap/kek-handle.js';
import {unwrapFailed} from '../../wrap/kw.js';
import {bytesOf, opaqueText} from '../nic/held-dek.js';
import {pickColumn} from '../nic/make.js';
import type {Nic} from '../nic/nic.js';
import {identityOf} from '../nic/takeover.js';
import {type DekBatch, pick} from './dek-batch.js';

/**
 * A DEK or an error for each, in order: one that an agent before this made and that is whole, else a new one. `kek` and
 * `query` as `makeAll` has them.
 */
export async function makeBatch(
  nic: Nic,
  batch: DekBatch,
  kek: KekHandle | undefined,
  query: boolean,
): Promise<readonly (Dek | DekError)[]> {
  const {takeover, identities} = nic;
  if (!identities) return makeAll(nic, batch, kek, query);
  const {layout, names, opaque, wrapped, dcvs, keytagValues} = batch;
  const {keySize, keytag, wrappedBytes} = layout;
  const ids = names.map((_, i) => {
    const key = wrapped.subarray(i * wrappedBytes, (i + 1) * wrappedBytes);
    return bytesOf(dcvs[i] ?? null) ?? identityOf(key);
  });
  const taken = names.map((name, i) => {
    const [label, keytagValue] = [opaqueText(opaque, i), keytagValues[i] ?? null];
    return takeover?.take({name, keySize, keytag, label, identity: ids[i]!, keytagValue});
  });
  const missing = [...names.keys()].filter((i) => taken[i] === undefined);
  const made = missing.length === 0 ? [] : await makeAll(nic, pick(batch, missing), kek, query);
  const results: (Dek | DekError)[] = taken.slice() as (Dek | DekError)[];
  for (const [k, i] of missing.entries()) results[i] = made[k]!;
  for (const [i, dek] of results.entries()) if (!(dek instanceof DekError)) identities.set(dek, ids[i]!);
  return results;
}

/**
 * A DEK or an error for each, in order. With `kek` a NIC in plaintext import mode gets them unwrapped, right before
 * their create. With `query` each is found READY.
 */
async function makeAll(
  nic: Nic,
  {layout, wrapped, opaque, names}: DekBatch,
  kek: KekHandle | undefined,
  query: boolean,
): Promise<readonly (Dek | DekError)[]> {
  const {keySize, keytag, plaintextBytes} = layout;
  if (!kek || nic.importMode !== 'plaintext') return nic.make({keySize, keytag, wrapped, opaque}, query);
  const failed: number[] = [];
  const plaintext = await kek.unwrap(wrapped, plaintextBytes, failed);
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

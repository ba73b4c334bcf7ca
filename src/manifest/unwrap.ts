/**
 * A manifest and the import KEK that wrapped it: is it this KEK, and does each key unwrap. Plaintext is handed to a
 * callback and wiped when that returns.
 */
import {equalBytes, toHex, wipe} from '../bytes.js';
import {CREDENTIAL_BYTES} from '../dek-layout.js';
import {DekError, withMessage} from '../errors.js';
import type {KekHandle} from '../wrap/kek-handle.js';
import type {ManifestHeader} from './fields/header.js';

/**
 * Throws UNWRAP_FAILED unless `kek` has the key check value that the header names, if it names one; BAD_ARGUMENT when
 * that of `kek` is not known. `title` is what messages call the KEK.
 */
export function assertManifestKek(
  {importKekKcv}: Pick<ManifestHeader, 'importKekKcv'>,
  {kcv, name}: Pick<KekHandle, 'kcv' | 'name'>,
  title = 'kek',
): void {
  if (importKekKcv === null) return;
  const expected = toHex(importKekKcv);
  if (kcv === undefined) {
    throw new DekError(
      'BAD_ARGUMENT',
      `${name} cannot tell its KCV, and the manifest was wrapped under KCV ${expected}`,
      {
        hint: 'give --kcv with what was written down of this KEK',
      },
    );
  }
  if (equalBytes(kcv, importKekKcv)) return;
  const is = toHex(kcv);
  throw new DekError('UNWRAP_FAILED', `"${title}" has KCV ${is}, and the manifest was wrapped under KCV ${expected}`, {
    hint: 'give the import KEK that wrapped this manifest',
  });
}

/** Throws BAD_ARGUMENT when `from` and `to` are known to be one KEK. */
export function assertOtherKek(from: Pick<KekHandle, 'kcv'>, to: Pick<KekHandle, 'kcv'>): void {
  if (!from.kcv || !to.kcv || !equalBytes(from.kcv, to.kcv)) return;
  throw new DekError('BAD_ARGUMENT', '"from" and "to" are the same KEK', {
    hint: 'dek kek show SOURCE tells which KEK is where',
  });
}

/** Calls `use` with the credential in plaintext, 40 bytes. Throws UNWRAP_FAILED. */
export async function withCredential<T>(
  kek: KekHandle,
  wrapped: Uint8Array,
  use: (credential: Uint8Array) => T | Promise<T>,
  where = 'line 1: wrappedCredential',
): Promise<T> {
  const credential = await kek.unwrap(wrapped, CREDENTIAL_BYTES).catch((error: unknown) => {
    if (!(error instanceof DekError)) throw error;
    throw withMessage(error, `${where}: ${error.message}`);
  });
  try {
    return await use(credential);
  } finally {
    wipe(credential);
  }
}

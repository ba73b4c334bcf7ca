/**
 * A manifest and the import KEK that wrapped it: is it this KEK, and does each key unwrap. Plaintext is handed to a
 * callback and wiped when that returns.
 */
import {equalBytes, toHex, wipe} from '../bytes.js';
import {DekError} from '../errors.js';
import {unwrapCredential} from '../wrap/credential.js';
import {keyCheckValue} from '../wrap/kcv.js';
import type {ManifestHeader} from './header.js';

/**
 * Throws UNWRAP_FAILED unless `kek` has the key check value that the header names, if it names one. `title` is what
 * messages call the KEK.
 */
export function assertManifestKek({importKekKcv}: ManifestHeader, kek: Uint8Array, title = 'kek'): void {
  if (importKekKcv === null) return;
  const kcv = keyCheckValue(kek);
  if (equalBytes(kcv, importKekKcv)) return;
  const [is, expected] = [toHex(kcv), toHex(importKekKcv)];
  throw new DekError('UNWRAP_FAILED', `"${title}" has KCV ${is}, and the manifest was wrapped under KCV ${expected}`, {
    hint: 'give the import KEK that wrapped this manifest',
  });
}

/** Calls `use` with the credential in plaintext, 40 bytes. Throws UNWRAP_FAILED. */
export function withCredential<T>(
  kek: Uint8Array,
  wrapped: Uint8Array,
  use: (credential: Uint8Array) => T,
  where = 'line 1: wrappedCredential',
): T {
  const credential = named(where, () => unwrapCredential(kek, wrapped));
  try {
    return use(credential);
  } finally {
    wipe(credential);
  }
}

function named<T>(where: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof DekError)) throw error;
    throw new DekError(error.code, `${where}: ${error.message}`, {hint: error.hint, cause: error});
  }
}

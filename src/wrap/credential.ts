/** The credential of a crypto login: 40 secret bytes, 48 when wrapped. mlx5dv_crypto_login(3). */
import {viewBytes} from '../bytes.js';
import {CREDENTIAL_BYTES, WRAPPED_CREDENTIAL_BYTES} from '../dek-layout.js';
import {unwrapKey, wrapKey} from './kw.js';

/**
 * Wraps the credential of a crypto login.
 * @param kek - the import KEK, 16 or 32 bytes
 * @param credential - 40 bytes
 * @returns the 48 bytes that a login takes
 * @throws DekError: BAD_ARGUMENT
 */
export function wrapCredential(kek: Uint8Array, credential: Uint8Array): Uint8Array {
  return wrapKey(kek, viewBytes(credential, [CREDENTIAL_BYTES], 'credential'));
}

/**
 * The reverse of `wrapCredential`.
 * @param kek - the import KEK, 16 or 32 bytes
 * @param wrapped - 48 bytes
 * @returns 40 bytes, in a buffer that the caller wipes
 * @throws DekError: BAD_ARGUMENT, UNWRAP_FAILED
 */
export function unwrapCredential(kek: Uint8Array, wrapped: Uint8Array): Uint8Array {
  return unwrapKey(kek, viewBytes(wrapped, [WRAPPED_CREDENTIAL_BYTES], 'wrapped'));
}

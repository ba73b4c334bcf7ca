/** What an import KEK says of wrapped values: whether they unwrap, and what they are then. Reveals nothing of a key. */
import {equalBytes, toHex, wipe} from '../../bytes.js';
import {CREDENTIAL_BYTES, layoutOfPlaintext, SEMIBLOCK_BYTES} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import {dekCheckValue} from '../../wrap/dcv/dcv.js';
import type {KekHandle} from '../../wrap/kek-handle.js';

export interface Opened {
  readonly name: string;
  readonly unwraps: boolean;
  /** Of a DEK that unwraps: its check value, in hex; null: it does not, or is a credential. */
  readonly dcv: string | null;
  /** Whether key1 equals key2, which AES-XTS must not have. */
  readonly equalHalves: boolean | null;
  /** The KEK cannot tell between a credential and a DEK of 40 bytes. */
  readonly maybeCredential: boolean;
}

/** Throws what keeps the KEK from being asked, UNSUPPORTED for one that wraps only. */
export async function open(kek: KekHandle, name: string, wrapped: Uint8Array): Promise<Opened> {
  const plaintextBytes = wrapped.length - SEMIBLOCK_BYTES;
  const maybeCredential = plaintextBytes === CREDENTIAL_BYTES;
  let plaintext: Uint8Array | undefined;
  try {
    plaintext = await kek.unwrap(wrapped, plaintextBytes);
    const half = layoutOfPlaintext(plaintextBytes).keySize / 8;
    const equalHalves = equalBytes(plaintext.subarray(0, half), plaintext.subarray(half, 2 * half));
    return {name, unwraps: true, dcv: toHex(dekCheckValue(plaintext)), equalHalves, maybeCredential};
  } catch (error) {
    if (!(error instanceof DekError) || error.code !== 'UNWRAP_FAILED') throw error;
    return {name, unwraps: false, dcv: null, equalHalves: null, maybeCredential};
  } finally {
    wipe(plaintext);
  }
}

/**
 * Keys that stand in public documents: NVIDIA's own, DPDK's test vectors and a lab's script all make a NIC operational
 * with an import KEK of zeros and the credential 0x10000000, 0x10000000, 0, ... Whoever copies them has no secret.
 */
import {equalBytes, secretBytes, toHex, wipe} from '../bytes.js';
import {CREDENTIAL_BYTES, KEK_BYTES} from '../dek-layout.js';
import {keyCheckValue} from '../wrap/kcv.js';

/** Whether it is the KEK of zeros, by its key check value. */
export function isExampleKek(kcv: Uint8Array): boolean {
  return KEK_BYTES.some((bytes) => toHex(keyCheckValue(new Uint8Array(bytes))) === toHex(kcv));
}

/** Whether it is that of the documents, or all zeros; compared in constant time. */
export function isExampleCredential(credential: Uint8Array): boolean {
  const example = secretBytes(CREDENTIAL_BYTES);
  const isZeros = equalBytes(credential, example);
  example[0] = example[4] = 0x10;
  const isOfDocuments = equalBytes(credential, example);
  wipe(example);
  return isZeros || isOfDocuments;
}

/** What to say of them: nothing, unless they are known. */
export function exampleWarnings(kcv: Uint8Array | undefined, credential?: Uint8Array): string[] {
  const warnings: string[] = [];
  if (kcv !== undefined && isExampleKek(kcv)) {
    warnings.push('this import KEK is all zeros, as in public documents: everyone can unwrap what it wraps');
  }
  if (credential !== undefined && isExampleCredential(credential)) {
    warnings.push('this credential is the one of public documents: everyone can log in with it');
  }
  return warnings;
}

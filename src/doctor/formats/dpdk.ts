/**
 * DPDK's crypto/mlx5: its devarg wcs_file names a text of the 48 bytes of a wrapped credential in hex; keys come from
 * the application, wrapped and always with a keytag: for its source they are arrays in C. Its own programs take wrapped
 * keys from no file: dpdk-test has vectors built in, dpdk-test-crypto-perf (22.11) refuses lengths of 48 and 80 bytes.
 */
import {fromHex, toHex} from '../../bytes.js';
import {DekError} from '../../errors.js';
import {kindOf, type Material, type ReadOptions, single} from './material.js';
import {readC, writeC} from './numbers.js';

/** A wcs_file, or arrays in C. Throws BAD_INPUT. */
export function readDpdk(text: string, options: ReadOptions): Material {
  const digits = text.trim();
  if (/^([0-9a-f]{2})+$/i.test(digits)) return single(fromHex(digits, 'wcs_file'), {...options, isCredential: true});
  const {deks} = readC(text, options);
  for (const dek of deks) assertKeytag(dek);
  return {credential: null, deks};
}

/** The wcs_file of a credential, or arrays of DEKs. Throws BAD_ARGUMENT for both, and for a DEK without a keytag. */
export function writeDpdk({credential, deks}: Material): string {
  if (credential !== null && deks.length > 0) {
    throw new DekError('BAD_ARGUMENT', 'DPDK has a credential and DEKs in files of their own', {
      hint: 'choose the credential with --credential, or DEKs with --name NAME',
    });
  }
  if (credential !== null) return `${toHex(credential)}\n`;
  for (const dek of deks) assertKeytag(dek);
  return writeC({credential: null, deks});
}

function assertKeytag(dek: Material['deks'][number]): void {
  if (kindOf(dek).keytag) return;
  throw new DekError('BAD_ARGUMENT', `${dek.name} has no keytag: DPDK takes wrapped DEKs of 48 or 80 bytes alone`, {
    hint: 'make one with dek keygen --keytag; its 8 bytes go into the devarg keytag=',
  });
}

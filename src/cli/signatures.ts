/** What the commands that sign and verify share: flags, and the files that go with a manifest or a release. */
import * as Flags from '@oclif/core/flags';
import {DekError} from '../errors.js';
import {readIfThere, readSmallFile} from '../files/small-file.js';
import {type AllowedSigners, MAX_SIGNERS_BYTES, parseAllowedSigners} from '../manifest/signature/allowed-signers.js';
import {MAX_SIGNATURES, MAX_SIGNATURES_BYTES} from '../manifest/signature/sshsig.js';
import type {Signer, Trust} from '../manifest/signature/verify.js';

/** `--threshold N`, of whoever names the allowed signers. */
export const thresholdFlag = Flags.integer({
  helpValue: 'N',
  min: 1,
  max: MAX_SIGNATURES,
  default: 1,
  description: 'how many of them have to sign: distinct principals with distinct keys',
});

/** Where the signatures of a file are. */
export function signaturePath(path: string): string {
  return `${path}.sig`;
}

/** The content of a file of signatures; null where there is none. */
export async function readSignatures(path: string): Promise<Uint8Array | null> {
  return (await readIfThere(path, MAX_SIGNATURES_BYTES))?.bytes ?? null;
}

/** Whom to believe. Throws BAD_INPUT, and where others may write the file. */
export async function trustOf(path: string, threshold: number): Promise<Trust> {
  const {bytes} = await readSmallFile(path, MAX_SIGNERS_BYTES);
  const signers: AllowedSigners = parseAllowedSigners(bytes);
  const keys = new Set(signers.map(({publicKey}) => publicKey.fingerprint)).size;
  if (keys >= threshold) return {signers, threshold};
  throw new DekError('BAD_ARGUMENT', `--threshold ${threshold} can never be met: ${path} has ${keys} keys`);
}

/** `signed by alice (SHA256:..., ssh-ed25519)` */
export function describeSigner({principal, fingerprint, keyType}: Signer): string {
  return `signed by ${principal} (${fingerprint}, ${keyType})`;
}

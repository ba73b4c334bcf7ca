/** What the commands that verify share. */
import * as Flags from '@oclif/core/flags';
import {MAX_SIGNATURES} from '../../manifest/signature/sshsig.js';
import type {Signer} from '../../manifest/signature/verify.js';

/** `--threshold N`, of whoever names the allowed signers. */
export const thresholdFlag = Flags.integer({
  helpValue: 'N',
  min: 1,
  max: MAX_SIGNATURES,
  default: 1,
  description: 'how many allowed signers must have signed: distinct principals with distinct keys',
});

/** `--allowed-signers FILE`. */
export const ALLOWED_SIGNERS = 'in the form that ssh-keygen(1) describes under ALLOWED SIGNERS';

/** `signed by alice (SHA256:..., ssh-ed25519)` */
export function describeSigner({principal, fingerprint, keyType}: Signer): string {
  return `signed by ${principal} (${fingerprint}, ${keyType})`;
}

/** The files that go with a manifest or a release: signatures, and those who may sign. */
import {counted} from '../../bytes.js';
import type {Limit} from '../../deadline.js';
import {DekError} from '../../errors.js';
import {readIfThere, readSmallFile} from '../../files/small-file.js';
import {MAX_RELEASE_BYTES} from '../release/release.js';
import {MAX_SIGNERS_BYTES, parseAllowedSigners} from '../signature/allowed-signers.js';
import {MAX_SIGNATURES_BYTES} from '../signature/sshsig.js';
import type {Trust} from '../signature/verify.js';
import type {Proof} from './accept.js';

/** Where the signatures of a file are. */
export function signaturePath(path: string): string {
  return `${path}.sig`;
}

/** Where the release that lists a manifest may stand beside it. */
export function releasePath(manifest: string): string {
  return `${manifest}.release`;
}

/** The content of a file of signatures; null where there is none. Throws what reading it throws. */
export async function readSignatures(path: string, limit?: Limit): Promise<Uint8Array | null> {
  return (await readIfThere(path, MAX_SIGNATURES_BYTES, limit))?.bytes ?? null;
}

/**
 * What makes a manifest authentic: a release with its signatures, the one that is named or one that stands beside the
 * manifest; else signatures of its own.
 */
export async function readProof(manifest: string, release: string | undefined, limit?: Limit): Promise<Proof> {
  const path = release ?? releasePath(manifest);
  const read = release === undefined ? readIfThere : readSmallFile;
  const found = await read(path, MAX_RELEASE_BYTES, limit);
  if (!found) return {signature: await readSignatures(signaturePath(manifest), limit)};
  return {release: found.bytes, signature: await readSignatures(signaturePath(path), limit)};
}

/**
 * Whom to believe, and how many of them. Throws BAD_INPUT for a file that cannot be read, and with `isStrict` where
 * others than its owner may write it; BAD_ARGUMENT for a threshold that nobody can meet.
 */
export async function readTrust(
  path: string,
  threshold: number,
  {isStrict = false, limit}: {isStrict?: boolean; limit?: Limit} = {},
): Promise<Trust> {
  const {bytes, isOpenToWriters} = await readSmallFile(path, MAX_SIGNERS_BYTES, limit);
  if (isStrict && isOpenToWriters) {
    throw new DekError('BAD_INPUT', `${path} can be written by others than its owner, who could name anybody`, {
      hint: `chmod go-w ${path}`,
    });
  }
  const signers = parseAllowedSigners(bytes);
  const keys = new Set(signers.map(({publicKey}) => publicKey.fingerprint)).size;
  if (keys >= threshold) return {signers, threshold};
  throw new DekError(
    'BAD_ARGUMENT',
    `--threshold ${threshold} can never be met: ${path} names ${counted(keys, 'key')}`,
    {
      hint: `give a lower --threshold, or add keys to ${path}`,
    },
  );
}

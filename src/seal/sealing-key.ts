/**
 * Sealing keys: 32 bytes, from a source, or the one of this host, a file that the first seal makes. What is sealed with
 * that opens on this host only, for who can read the file: it protects against a stolen copy of the envelope, not
 * against a stolen disk (SECURITY.md).
 */
import {randomFillSync} from 'node:crypto';
import {dirname, join} from 'node:path';
import {secretBytes, wipe} from '../bytes.js';
import type {Format} from '../custody/encoding.js';
import {readSecret} from '../custody/source.js';
import {DekError} from '../errors.js';
import {makeDirectories} from '../files/directories.js';
import {systemError} from '../files/system-error.js';
import {writeWholeFile} from '../files/whole-file.js';
import {cmac} from '../wrap/cmac.js';
import {keyCheckValue} from '../wrap/kcv.js';
import type {SealingKey} from './name-key.js';

/** Bytes of a sealing key. */
export const SEALING_KEY_BYTES = 32;

/** Where a unit with StateDirectory=dek, and root without one, have it. */
const STATE_DIRECTORY = '/var/lib/dek';

/** The file with the sealing key of this host: systemd.exec(5), $STATE_DIRECTORY. */
export function hostKeyPath(): string {
  return join(process.env['STATE_DIRECTORY']?.split(':')[0] || STATE_DIRECTORY, 'seal.key');
}

/**
 * Calls `use` with the sealing key that `source` names, which is wiped when that has settled. Throws what reading it
 * throws.
 */
export async function withSealingKey<T>(
  source: {spec: string; format?: Format | undefined},
  use: (key: SealingKey) => Promise<T>,
): Promise<T> {
  const key = await readSecret(source.spec, [SEALING_KEY_BYTES], 'with-key', source.format);
  try {
    return await use(sealingKeyOf(key));
  } finally {
    wipe(key);
  }
}

/** The sealing key of these bytes. */
export function sealingKeyOf(key: Uint8Array): SealingKey {
  return {kcv: keyCheckValue(key), cmac: async (message) => cmac(key, message)};
}

/** Makes the sealing key of this host, unless it is there; tells whether it did. Throws PERMISSION, IO. */
export async function makeHostKey(): Promise<boolean> {
  const path = hostKeyPath();
  const key = randomFillSync(secretBytes(SEALING_KEY_BYTES));
  try {
    makeDirectories(dirname(path), 0o700);
    await writeWholeFile(path, [key], {isSecret: true});
    return true;
  } catch (cause) {
    const error = systemError('write', path, cause);
    if (error.code === 'EXISTS') return false;
    const {code, message, errno} = error;
    throw new DekError(code, message, {hint: 'name a sealing key of your own: --with-key SOURCE', errno, cause});
  } finally {
    wipe(key);
  }
}

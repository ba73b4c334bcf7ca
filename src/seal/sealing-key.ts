/**
 * Sealing keys: 32 bytes from a source, a key in a token, or the one of this host, a file that the first seal makes.
 * What is sealed with that opens on this host only, for who can read the file: it protects against a stolen copy of the
 * envelope, not against a stolen disk (docs/sealed.md).
 */
import {randomFillSync} from 'node:crypto';
import {dirname, join} from 'node:path';
import {secretBytes, wipe} from '../bytes.js';
import type {Format} from '../custody/encoding.js';
import {openKek} from '../custody/kek.js';
import {DekError, withMessage} from '../errors.js';
import {makeDirectories} from '../files/directories.js';
import {systemError} from '../files/system-error.js';
import {writeWholeFile} from '../files/whole-file.js';
import type {KekHandle} from '../wrap/kek-handle.js';
import type {SealingKey} from './name-key.js';

/** Bytes of a sealing key. */
const SEALING_KEY_BYTES = 32;

/** What messages call a sealing key. */
const TITLE = 'with-key';
/** Where a unit with StateDirectory=dek, and root without one, have it. */
const STATE_DIRECTORY = '/var/lib/dek';

/** The file with the sealing key of this host: systemd.exec(5), $STATE_DIRECTORY. */
export function hostKeyPath(): string {
  return join(process.env['STATE_DIRECTORY']?.split(':')[0] || STATE_DIRECTORY, 'seal.key');
}

/**
 * Calls `use` with the sealing key that `source` names: 32 bytes, or a key in a token that tells AES-CMAC. Throws what
 * opening it throws; UNSUPPORTED when the token does not tell it.
 */
export async function withSealingKey<T>(
  source: {spec: string; format?: Format | undefined},
  use: (key: SealingKey) => Promise<T>,
): Promise<T> {
  const handle = await openKek(source.spec, {title: TITLE, format: source.format});
  try {
    return await use(sealingKeyOf(handle));
  } finally {
    await handle.close();
  }
}

/** What an envelope asks of the key behind this handle, which stays open as long. */
export function sealingKeyOf(handle: KekHandle): SealingKey {
  const {kcv, kekBytes} = handle;
  if (kcv === undefined || handle.cmac === undefined) {
    throw new DekError('UNSUPPORTED', `${handle.name} cannot seal: it does not tell AES-CMAC`, {
      hint: 'make a key in the token that may sign (CKA_SIGN), for CKM_AES_CMAC',
    });
  }
  if (kekBytes !== SEALING_KEY_BYTES) {
    throw new DekError('BAD_INPUT', `${handle.name} has ${kekBytes} bytes, expected ${SEALING_KEY_BYTES}`);
  }
  return {kcv, cmac: async (message) => handle.cmac!(message)};
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
    throw withMessage(error, error.message, 'name a sealing key of your own: --with-key SOURCE');
  } finally {
    wipe(key);
  }
}

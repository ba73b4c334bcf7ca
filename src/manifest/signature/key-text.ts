/** A public key in base64, as it stands in a file of OpenSSH. */
import {DekError} from '../../errors.js';

/** Its bytes; `where` is where it stands. Throws BAD_INPUT. */
export function decodeKeyText(text: string, where: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length > 0 && bytes.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '')) return bytes;
  throw new DekError('BAD_INPUT', `${where}: expected a public key in base64`);
}

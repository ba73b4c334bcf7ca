/**
 * The files of NXP's keyctl_caam (caam-keygen), which look like something that dek unseal could open, and are not: told
 * apart by their header, five numbers of 32 bits, little-endian. Learnt from its source; no such file from a board was
 * at hand.
 *
 *     0   4  magic 0x5461674f, "OgaT" in the file
 *     4   4  version
 *     8   4  type: bit 0 red 0, black 1; bit 1 key 0, blob 1; bit 2 trusted; bit 3 AES-ECB 0, AES-CCM 1
 *     12  4  bytes of the red (plaintext) key, 16 to 64
 *     16  4  bytes of the object behind the header
 *
 * A black key is encrypted under a key of this boot: AES-ECB, padded to 16 bytes; AES-CCM, padded to 8, and 12 bytes
 * more. A blob, which outlives the boot, is 48 bytes longer than what is in it: its own key (32) and a MAC (16).
 */
import {viewOf} from '../bytes.js';

const HEADER_BYTES = 20;
const MAGIC = 0x5461674f;
const BLACK = 1;
const BLOB = 2;
const TRUSTED = 4;
const CCM = 8;

/** What such a file is: `a black blob of keyctl_caam ...`; undefined when `bytes` begins no such file. */
export function caamFileText(bytes: Uint8Array): string | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const view = viewOf(bytes);
  if (view.getUint32(0, true) !== MAGIC) return undefined;
  const type = view.getUint32(8, true);
  const [redBytes, objectBytes] = [view.getUint32(12, true), view.getUint32(16, true)];
  const isBlack = (type & BLACK) !== 0;
  const color = `${(type & TRUSTED) === 0 ? '' : 'trusted '}${isBlack ? 'black' : 'red'}`;
  const mode = isBlack ? `, ${(type & CCM) === 0 ? 'AES-ECB' : 'AES-CCM'}` : '';
  const what = (type & BLOB) === 0 ? 'key' : 'blob';
  return `a ${color} ${what} of keyctl_caam${mode}: a key of ${redBytes} bytes in ${objectBytes} bytes`;
}

/**
 * The key that wraps the blob key of one envelope: NIST SP 800-108r1 section 4.1, a KDF in counter mode with AES-CMAC
 * as its PRF, from the sealing key and the whole label, name and date among it. So an envelope of one name does not
 * open as another. Whoever has the sealing key in a token asks it for two CMACs; the key itself stays there.
 *
 *     K(i) = CMAC(sealing key, i (32 bits) | "dek-envelope-v1" | 0 | label | 256 (32 bits)), i = 1, 2
 */
import {secretBytes, viewOf, wipe} from '../bytes.js';
import {BLOCK_BYTES} from '../wrap/aes/cipher.js';

/** What an envelope asks of a sealing key. */
export interface SealingKey {
  /** Its key check value, 5 bytes. */
  readonly kcv: Uint8Array;
  /** AES-CMAC of `message` under it, in a buffer that the caller wipes. */
  cmac(message: Uint8Array): Promise<Uint8Array>;
}

const PURPOSE = new TextEncoder().encode('dek-envelope-v1');
const KEY_BYTES = 32;
const COUNTER_BYTES = 4;
const LENGTH_BYTES = 4;

/** The 32 bytes for this label, in a buffer that the caller wipes. */
export async function nameKey(key: SealingKey, label: Uint8Array): Promise<Uint8Array> {
  const message = new Uint8Array(COUNTER_BYTES + PURPOSE.length + 1 + label.length + LENGTH_BYTES);
  message.set(PURPOSE, COUNTER_BYTES);
  message.set(label, COUNTER_BYTES + PURPOSE.length + 1);
  const view = viewOf(message);
  view.setUint32(message.length - LENGTH_BYTES, 8 * KEY_BYTES);
  const derived = secretBytes(KEY_BYTES);
  for (let i = 0; i * BLOCK_BYTES < KEY_BYTES; i++) {
    view.setUint32(0, i + 1);
    const block = await key.cmac(message);
    derived.set(block, i * BLOCK_BYTES);
    wipe(block);
  }
  return derived;
}

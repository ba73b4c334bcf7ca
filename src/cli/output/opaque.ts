/** The 8 opaque bytes of a DEK, as people write and read them. */
import {fromHex, toHex} from '../../bytes.js';
import {OPAQUE_BYTES} from '../../dek-layout.js';
import {DekError} from '../../errors.js';

/** `hex:` and hex digits, or UTF-8 text; up to 8 bytes. Throws BAD_ARGUMENT. */
export function parseOpaque(text: string): Uint8Array {
  const bytes = text.startsWith('hex:') ? fromHex(text.slice(4), '--opaque') : new TextEncoder().encode(text);
  if (bytes.length <= OPAQUE_BYTES) return bytes;
  throw new DekError('BAD_ARGUMENT', `--opaque has ${bytes.length} bytes, the NIC stores ${OPAQUE_BYTES}`, {
    hint: 'up to 8 bytes of text, or hex: and up to 16 digits',
  });
}

/**
 * A hex string of 8 bytes as text where it is printable ASCII (zeros at the end left out), else with `hex:`; so is text
 * that begins with `hex:`, which `parseOpaque` would not take for text.
 */
export function formatOpaque(hex: string): string {
  const text = Buffer.from(hex, 'hex').toString('latin1').replace(/\0+$/, '');
  return /^(?!hex:)[\x20-\x7e]*$/.test(text) ? text : `hex:${toHex(Buffer.from(hex, 'hex'))}`;
}

/** Flags whose value is so many bytes in hex, with or without 0x, as keygen prints a keytag. */
import * as Flags from '@oclif/core/flags';
import {fromHex} from '../../bytes.js';
import {DekError} from '../../errors.js';

/** The bytes of such a flag. Nothing in it is a secret. */
export const hexFlag = (bytes: number, options: {description: string; dependsOn?: string[]; exclusive?: string[]}) =>
  Flags.custom<Uint8Array>({
    ...options,
    helpValue: 'HEX',
    parse: async (text, _context, {name}) => bytesOf(text, bytes, `--${name}`),
  })();

/** Throws BAD_ARGUMENT. */
function bytesOf(hex: string, bytes: number, title: string): Uint8Array {
  if (hex.replace(/^0x/i, '').length === 2 * bytes) return fromHex(hex, title);
  throw new DekError('BAD_ARGUMENT', `${title} expected ${2 * bytes} hex digits, got ${hex.length} characters`);
}

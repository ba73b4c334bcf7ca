/** Values that are so many bytes in hex, with or without 0x, as keygen prints a keytag. */
import * as Flags from '@oclif/core/flags';
import {counted, fromHex} from '../../bytes.js';
import {KCV_BYTES} from '../../dek-layout.js';
import {DekError} from '../../errors.js';

/** The bytes of such a flag. Nothing in it is a secret. */
export const hexFlag = (
  bytes: number,
  options: {description: string; helpValue?: string; dependsOn?: string[]; exclusive?: string[]},
) =>
  Flags.custom<Uint8Array>({
    helpValue: 'HEX',
    ...options,
    parse: async (text, _context, {name}) => parseHex(text, bytes, `--${name}`),
  })();

/** The key check value of a KEK that `text` says. Throws BAD_ARGUMENT; `title` is what messages call it. */
export function parseKcv(text: string, title: string): Uint8Array {
  return parseHex(text, KCV_BYTES, title, 'dek kek show SOURCE shows it');
}

function parseHex(text: string, bytes: number, title: string, hint?: string): Uint8Array {
  const digits = text.replace(/^0x/i, '');
  if (digits.length === 2 * bytes && /^[0-9a-f]*$/i.test(digits)) return fromHex(digits, title);
  const got = digits.length === 2 * bytes ? '' : `, got ${counted(text.length, 'character')}`;
  throw new DekError('BAD_ARGUMENT', `${title} expected ${2 * bytes} hex digits${got}`, {hint});
}

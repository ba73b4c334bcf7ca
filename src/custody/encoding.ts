/**
 * How bytes stand in a file: raw, hex or base64. The content tells, but only what cannot be text is taken for raw bytes
 * without being told: a key in hex or base64 of which a part is missing would else become another key, of letters.
 */
import {orList, secretBytes} from '../bytes.js';
import {DekError} from '../errors.js';
import {lockedBytes} from '../memory/arena.js';
import {decodeDigits, digitsLength, encodeDigits} from './digits.js';
import {describeMismatch, isText} from './mismatch.js';

/** How bytes stand in a file. */
export type Format = 'raw' | 'hex' | 'base64';

/** Every format, for the options of a command. */
export const FORMATS: readonly Format[] = ['raw', 'hex', 'base64'];

/**
 * The bytes that `content` stands for, one of `lengths` bytes, in an exact buffer of their own. Without `format` the
 * content tells: hex or base64 if it is wholly that, raw if it is no text. `name` opens each message; `allocate` gives
 * the buffer. Throws BAD_INPUT.
 */
export function decode(
  content: Uint8Array,
  lengths: readonly number[],
  name: string,
  format?: Format,
  allocate = lockedBytes,
): Uint8Array {
  const form = format ?? formOf(content);
  const length = form === 'raw' ? content.length : form === 'text' ? undefined : decodeDigits(content, form);
  if (form === 'text' || length === undefined || !lengths.includes(length)) {
    const {message, hint} = describeMismatch(content, lengths, format);
    throw new DekError('BAD_INPUT', `${name} ${message}, expected ${orList(lengths)}`, {hint});
  }
  const bytes = allocate(length);
  if (form === 'raw') bytes.set(content);
  else decodeDigits(content, form, bytes);
  return bytes;
}

/** `bytes` in this format, in a new buffer (wipe it if they are secret); text ends with a line feed. */
export function encode(bytes: Uint8Array, format: Format): Uint8Array {
  const encoded = secretBytes(format === 'raw' ? bytes.length : digitsLength(bytes.length, format));
  if (format === 'raw') encoded.set(bytes);
  else encodeDigits(bytes, format, encoded);
  return encoded;
}

function formOf(content: Uint8Array): Format | 'text' {
  if (decodeDigits(content, 'hex') !== undefined) return 'hex';
  if (decodeDigits(content, 'base64') !== undefined) return 'base64';
  return isText(content) ? 'text' : 'raw';
}

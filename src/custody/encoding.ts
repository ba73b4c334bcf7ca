/**
 * Raw, hex and base64 (RFC 4648 sections 8 and 4), byte by byte from buffer to buffer: a key is never made a string, which
 * could not be wiped. Text may be broken into lines. Left out: base64url, missing padding, spaces, prefixes such as 0x.
 */
import {orList, secretBytes} from '../bytes.js';
import {DekError} from '../errors.js';

/** How bytes stand in a file. */
export type Format = 'raw' | 'hex' | 'base64';

/** Every format, for the options of a command. */
export const FORMATS: readonly Format[] = ['raw', 'hex', 'base64'];

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const PAD = 0x3d; // =

/**
 * The bytes that `content` stands for, one of `lengths` bytes, in an exact buffer of their own. Without `format` the content
 * tells: hex if it is hex of an allowed length, else base64 likewise, else raw. `name` opens each message. Throws BAD_INPUT.
 */
export function decode(content: Uint8Array, lengths: readonly number[], name: string, format?: Format): Uint8Array {
  for (const candidate of format ? [format] : (['hex', 'base64', 'raw'] as const)) {
    const length = decodedLength(content, candidate);
    if (length === undefined || !lengths.includes(length)) continue;
    const bytes = secretBytes(length);
    if (candidate === 'raw') bytes.set(content);
    else decodeDigits(content, bytes, candidate === 'hex' ? 4 : 6);
    return bytes;
  }
  throw new DekError('BAD_INPUT', `${name} ${mismatch(content, format)}, expected ${orList(lengths)}`);
}

/** `bytes` in this format, in a new buffer (wipe it if they are secret); text ends with a line feed. */
export function encode(bytes: Uint8Array, format: Format): Uint8Array {
  if (format === 'raw') {
    const copy = secretBytes(bytes.length);
    copy.set(bytes);
    return copy;
  }
  const bits = format === 'hex' ? 4 : 6;
  const digits = format === 'hex' ? 2 * bytes.length : 4 * Math.ceil(bytes.length / 3);
  const text = secretBytes(digits + 1).fill(PAD);
  let at = 0;
  let [pending, pendingBits] = [0, 0];
  for (const byte of bytes) {
    pending = (pending << 8) | byte;
    pendingBits += 8;
    while (pendingBits >= bits) {
      pendingBits -= bits;
      text[at++] = toDigit(pending >>> pendingBits, bits);
      pending &= (1 << pendingBits) - 1;
    }
  }
  if (pendingBits > 0) text[at] = toDigit(pending << (bits - pendingBits), bits);
  text[digits] = LINE_FEED;
  return text;
}

/** How many bytes `content` stands for in this format, or undefined when it is not of this form. */
function decodedLength(content: Uint8Array, format: Format): number | undefined {
  if (format === 'raw') return content.length;
  const bits = format === 'hex' ? 4 : 6;
  let [digits, pads, last] = [0, 0, 0];
  for (const code of content) {
    if (code === LINE_FEED || code === CARRIAGE_RETURN) continue;
    if (code === PAD && bits === 6) {
      pads++;
      continue;
    }
    last = fromDigit(code, bits);
    if (last < 0 || pads > 0) return undefined;
    digits++;
  }
  if (bits === 4) return digits % 2 === 0 ? digits / 2 : undefined;
  // RFC 4648 section 3.5: the bits of the last digit that belong to no byte are zero.
  const canonical = pads === 0 || (pads === 1 && (last & 0x03) === 0) || (pads === 2 && (last & 0x0f) === 0);
  return canonical && (digits + pads) % 4 === 0 ? ((digits + pads) / 4) * 3 - pads : undefined;
}

function decodeDigits(text: Uint8Array, bytes: Uint8Array, bits: 4 | 6): void {
  let at = 0;
  let [pending, pendingBits] = [0, 0];
  for (const code of text) {
    const digit = fromDigit(code, bits);
    if (digit < 0) continue;
    pending = (pending << bits) | digit;
    pendingBits += bits;
    if (pendingBits < 8) continue;
    pendingBits -= 8;
    bytes[at++] = pending >>> pendingBits;
    pending &= (1 << pendingBits) - 1;
  }
}

/** The value of a hex digit (4 bits) or of a base64 digit (6 bits), or -1. */
function fromDigit(code: number, bits: 4 | 6): number {
  const isNumeral = code >= 0x30 && code <= 0x39;
  if (bits === 4) {
    if (isNumeral) return code - 0x30;
    const lower = code | 0x20;
    return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1;
  }
  if (code >= 0x41 && code <= 0x5a) return code - 0x41;
  if (code >= 0x61 && code <= 0x7a) return code - 0x61 + 26;
  if (isNumeral) return code - 0x30 + 52;
  return code === 0x2b ? 62 : code === 0x2f ? 63 : -1;
}

function toDigit(value: number, bits: 4 | 6): number {
  if (bits === 4) return value < 10 ? 0x30 + value : 0x61 + value - 10;
  if (value < 26) return 0x41 + value;
  if (value < 52) return 0x61 + value - 26;
  return value < 62 ? 0x30 + value - 52 : value === 62 ? 0x2b : 0x2f;
}

function mismatch(content: Uint8Array, format: Format | undefined): string {
  if (content.length === 0) return 'is empty';
  const inHex = decodedLength(content, 'hex');
  const inBase64 = decodedLength(content, 'base64');
  if (format === 'hex') return inHex === undefined ? 'is not hex' : `holds ${inHex} bytes in hex`;
  if (format === 'base64') return inBase64 === undefined ? 'is not base64' : `holds ${inBase64} bytes in base64`;
  if (format === 'raw') return `holds ${content.length} bytes`;
  if (inHex !== undefined) return `holds ${inHex} bytes in hex`;
  if (inBase64 !== undefined) return `holds ${inBase64} bytes in base64, or ${content.length} raw`;
  return `holds ${content.length} bytes`;
}

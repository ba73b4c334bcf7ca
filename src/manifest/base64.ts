/**
 * Wrapped bytes in a line: base64 (RFC 4648 section 4) with padding, a third shorter than hex. As a string, and in place for
 * many lines at once. They are no secret.
 */
import {fault} from './fault.js';
import {shown} from './json-object.js';

const PAD = 0x3d; // =
const DIGITS = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
/** The value of each byte as a digit, -1 for what is none. */
const VALUES = Int8Array.from({length: 256}, (_, byte) => DIGITS.indexOf(byte));

/** The bytes that `value` stands for. Throws BAD_INPUT unless it is base64 as an encoder writes it. */
export function decodeBase64(value: unknown, line: number, field: string): Uint8Array {
  if (typeof value !== 'string') throw fault(line, field, `expected base64, got ${shown(value)}`);
  const bytes = Buffer.from(value, 'base64');
  // Buffer.from skips what is no base64 digit: only what it would write itself is whole.
  if (bytes.toString('base64') !== value) throw fault(line, field, 'expected base64 (RFC 4648 section 4) with padding');
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** `bytes` in base64. */
export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
}

/** How many digits, padding included, stand for so many bytes. */
export function base64Digits(bytes: number): number {
  return 4 * Math.ceil(bytes / 3);
}

/**
 * Decodes the digits from `at` on in `text` to the `count` bytes from `to` on in `bytes`. False unless all of them are there, and
 * are what an encoder writes.
 */
export function readBase64(text: Uint8Array, at: number, bytes: Uint8Array, to: number, count: number): boolean {
  if (at + base64Digits(count) > text.length) return false;
  let all = 0; // negative when one is no digit
  let [from, left] = [at, count];
  for (; left >= 3; left -= 3) {
    const a = VALUES[text[from]!]!;
    const b = VALUES[text[from + 1]!]!;
    const c = VALUES[text[from + 2]!]!;
    const d = VALUES[text[from + 3]!]!;
    all |= a | b | c | d;
    bytes[to] = (a << 2) | (b >> 4);
    bytes[to + 1] = (b << 4) | (c >> 2);
    bytes[to + 2] = (c << 6) | d;
    from += 4;
    to += 3;
  }
  if (left === 0) return all >= 0;
  const [a, b] = [VALUES[text[from]!]!, VALUES[text[from + 1]!]!];
  all |= a | b;
  bytes[to] = (a << 2) | (b >> 4);
  if (left === 1) return all >= 0 && (b & 15) === 0 && text[from + 2] === PAD && text[from + 3] === PAD;
  const c = VALUES[text[from + 2]!]!;
  all |= c;
  bytes[to + 1] = (b << 4) | (c >> 2);
  return all >= 0 && (c & 3) === 0 && text[from + 3] === PAD;
}

/** Encodes the `count` bytes from `from` on in `bytes` to `text`, from `at` on. */
export function writeBase64(bytes: Uint8Array, from: number, count: number, text: Uint8Array, at: number): void {
  const lastWhole = from + count - 3;
  let next = from;
  let to = at;
  for (; next <= lastWhole; next += 3) {
    const bits = (bytes[next]! << 16) | (bytes[next + 1]! << 8) | bytes[next + 2]!;
    text[to] = DIGITS[bits >> 18]!;
    text[to + 1] = DIGITS[(bits >> 12) & 63]!;
    text[to + 2] = DIGITS[(bits >> 6) & 63]!;
    text[to + 3] = DIGITS[bits & 63]!;
    to += 4;
  }
  const left = from + count - next;
  if (left === 0) return;
  const bits = (bytes[next]! << 16) | (left > 1 ? bytes[next + 1]! << 8 : 0);
  text[to] = DIGITS[bits >> 18]!;
  text[to + 1] = DIGITS[(bits >> 12) & 63]!;
  text[to + 2] = left > 1 ? DIGITS[(bits >> 6) & 63]! : PAD;
  text[to + 3] = PAD;
}

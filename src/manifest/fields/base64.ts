/**
 * Wrapped bytes in a line: base64 (RFC 4648 section 4) with padding, a third shorter than hex. As a string, and in
 * place for many lines at once. They are no secret.
 */
import {fault} from '../fault.js';
import {shown} from './json-object.js';

const PAD = 0x3d; // =
const DIGITS = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/');
const ZERO = DIGITS[0]!;
/** Two digits, the first in the low byte as it comes first in memory, for 12 bits. */
const PAIRS = new Uint16Array(64 * 64);
/** The reverse; -1 for what are not two digits. */
const PAIR_VALUES = new Int16Array(2 ** 16).fill(-1);
for (let bits = 0; bits < PAIRS.length; bits++) {
  PAIRS[bits] = DIGITS[bits >> 6]! | (DIGITS[bits & 63]! << 8);
  PAIR_VALUES[PAIRS[bits]!] = bits;
}

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
 * Decodes the digits from `at` on in `text` to the `count` bytes, one at least, from `to` on in `bytes`. False unless
 * all of them are there, and are what an encoder writes.
 */
export function readBase64(text: DataView, at: number, bytes: DataView, to: number, count: number): boolean {
  if (at + base64Digits(count) > text.byteLength) return false;
  let all = 0; // negative when one is no digit
  let [from, left] = [at, count];
  for (; left > 3; left -= 3) {
    const digits = text.getUint32(from, true);
    const [high, low] = [PAIR_VALUES[digits & 0xffff]!, PAIR_VALUES[digits >>> 16]!];
    all |= high | low;
    bytes.setInt32(to, (high << 20) | (low << 8)); // the fourth byte is written again
    from += 4;
    to += 3;
  }
  const [high, low] = [PAIR_VALUES[text.getUint16(from, true)]!, PAIR_VALUES[withoutPad(text, from + 2, left)]!];
  const bits = (high << 12) | low;
  for (let i = 0; i < left; i++) bytes.setUint8(to + i, bits >> (16 - 8 * i));
  // No bits are left over.
  return (all | high | low) >= 0 && ((bits << (8 * left)) & 0xffffff) === 0;
}

/** The third and fourth digit of the last group, 1 to 3 bytes, as zeros where padding stands, and must. */
function withoutPad(text: DataView, at: number, bytes: number): number {
  const [third, fourth] = [text.getUint8(at), text.getUint8(at + 1)];
  const isPadded = (third === PAD) === bytes < 2 && (fourth === PAD) === bytes < 3;
  return isPadded ? (bytes < 2 ? ZERO : third) | ((bytes < 3 ? ZERO : fourth) << 8) : 0;
}

/** Encodes the `count` bytes from `from` on in `bytes` to `text`, from `at` on. */
export function writeBase64(bytes: DataView, from: number, count: number, text: DataView, at: number): void {
  let [next, to, left] = [from, at, count];
  for (; left > 3; left -= 3) {
    const bits = bytes.getUint32(next) >>> 8;
    text.setInt32(to, PAIRS[bits >> 12]! | (PAIRS[bits & 0xfff]! << 16), true);
    next += 3;
    to += 4;
  }
  let bits = 0;
  for (let i = 0; i < left; i++) bits |= bytes.getUint8(next + i) << (16 - 8 * i);
  if (left > 0) text.setInt32(to, PAIRS[bits >> 12]! | (PAIRS[bits & 0xfff]! << 16), true);
  if (left === 2 || left === 1) text.setUint8(to + 3, PAD);
  if (left === 1) text.setUint8(to + 2, PAD);
}

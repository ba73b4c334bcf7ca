/** What node:crypto takes numbers of keys in: DER (X.690), as far as that needs it. */
import {secretBytes} from '../../bytes.js';

const INTEGER = 0x02;
const OCTET_STRING = 0x04;
const SEQUENCE = 0x30;

/** Parts one after the other, in a buffer of its own, which the caller wipes if they are secret. */
export function derSequence(...parts: readonly Uint8Array[]): Uint8Array {
  return derItem(SEQUENCE, ...parts);
}

/** A positive integer, given big-endian. */
export function derInteger(digits: Uint8Array): Uint8Array {
  let from = 0;
  while (from < digits.length - 1 && digits[from] === 0) from++;
  const rest = digits.subarray(from);
  return rest[0]! >= 0x80 ? derItem(INTEGER, new Uint8Array(1), rest) : derItem(INTEGER, rest);
}

export function derOctets(bytes: Uint8Array): Uint8Array {
  return derItem(OCTET_STRING, bytes);
}

/** Any other item. */
export function derItem(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const head = [tag, ...lengthOf(length)];
  const item = secretBytes(head.length + length);
  item.set(head);
  let at = head.length;
  for (const part of parts) {
    item.set(part, at);
    at += part.length;
  }
  return item;
}

/** Up to 65,535. */
function lengthOf(length: number): number[] {
  if (length < 0x80) return [length];
  return length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
}

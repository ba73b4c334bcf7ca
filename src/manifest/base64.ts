/** Wrapped bytes in a line: base64 (RFC 4648 section 4) with padding, a third shorter than hex. */
import {fault} from './fault.js';
import {shown} from './json-object.js';

/** The bytes that `value` stands for. Throws BAD_INPUT unless it is base64 as an encoder writes it. */
export function decodeBase64(value: unknown, line: number, field: string): Uint8Array {
  if (typeof value !== 'string') throw fault(line, field, `expected base64, got ${shown(value)}`);
  const bytes = Buffer.from(value, 'base64');
  // Buffer.from skips what is no base64 digit: only what it would write itself is whole.
  if (bytes.toString('base64') !== value) throw fault(line, field, 'expected base64 (RFC 4648 section 4) with padding');
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** `bytes`, which are no secret, in base64. */
export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
}

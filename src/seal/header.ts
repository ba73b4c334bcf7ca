/**
 * The header of an envelope, dek-envelope(5), version 1. Numbers are big-endian.
 *
 *     0         8   magic "dek-seal"
 *     8         1   version, 1
 *     9         5   key check value of the sealing key
 *     14        8   not after: seconds since 1970, 0 for ever
 *     22        1   n, bytes of the name, 1 to 255
 *     23        n   name, UTF-8
 *     23 + n    40  blob key, wrapped by RFC 3394 under the key that name-key.ts derives from all of the above
 */
import {viewOf} from '../bytes.js';
import {KCV_BYTES, wrappedBytes} from '../dek-layout.js';
import {DekError} from '../errors.js';

/** What an envelope says of itself, in the open. */
export interface EnvelopeLabel {
  /** 1 to 255 bytes in UTF-8, no control characters. */
  readonly name: string;
  /** Seconds since 1970, after which it does not open; 0: never. */
  readonly notAfter: number;
  /** The key check value of the sealing key, 5 bytes. */
  readonly keyKcv: Uint8Array;
}

/** A whole header. */
export interface EnvelopeHeader extends EnvelopeLabel {
  /** The bytes that the label stands in: what the blob key is bound to. */
  readonly labelBytes: Uint8Array;
  /** The wrapped blob key. */
  readonly wrappedKey: Uint8Array;
}

/** Bytes of the blob key of an envelope. */
export const BLOB_KEY_BYTES = 32;

const MAGIC = new TextEncoder().encode('dek-seal');
const VERSION = 1;
const VERSION_AT = 8;
const KCV_AT = 9;
const NOT_AFTER_AT = 14;
const NAME_LENGTH_AT = 22;
/** Bytes of a header up to its name. */
export const FIXED_BYTES = 23;
const WRAPPED_KEY_BYTES = wrappedBytes(BLOB_KEY_BYTES);
const MAX_NAME_BYTES = 255;

/** The first bytes of an envelope with this label: all of its header but the blob key. Throws BAD_ARGUMENT. */
export function formatLabel({name, notAfter, keyKcv}: EnvelopeLabel): Uint8Array {
  const nameBytes = nameToBytes(name);
  const bytes = new Uint8Array(FIXED_BYTES + nameBytes.length);
  bytes.set(MAGIC);
  bytes[VERSION_AT] = VERSION;
  bytes.set(keyKcv, KCV_AT);
  viewOf(bytes).setBigUint64(NOT_AFTER_AT, BigInt(notAfter));
  bytes[NAME_LENGTH_AT] = nameBytes.length;
  bytes.set(nameBytes, FIXED_BYTES);
  return bytes;
}

/** Throws BAD_ARGUMENT unless `name` can be the name of an envelope. */
export function assertEnvelopeName(name: string): void {
  nameToBytes(name);
}

/** How many bytes the header has that begins with `fixed`, its first FIXED_BYTES. Throws BAD_INPUT when it is none. */
export function headerLength(fixed: Uint8Array, title: string): number {
  if (fixed.length < FIXED_BYTES || !MAGIC.every((byte, at) => fixed[at] === byte)) {
    throw new DekError('BAD_INPUT', `${title} is not an envelope of dek seal`, {
      hint: 'dek inspect FILE tells what a file is',
    });
  }
  const version = fixed[VERSION_AT]!;
  if (version !== VERSION) {
    throw new DekError(
      'BAD_INPUT',
      `${title} is an envelope of version ${version}: this dek reads version ${VERSION}`,
      {
        hint: 'a later dek reads it',
      },
    );
  }
  return FIXED_BYTES + fixed[NAME_LENGTH_AT]! + WRAPPED_KEY_BYTES;
}

/** The header in `bytes`, as long as `headerLength` says; what it says is to be trusted when the blob key unwraps. */
export function parseHeader(bytes: Uint8Array, title: string): EnvelopeHeader {
  if (bytes.length !== headerLength(bytes.subarray(0, FIXED_BYTES), title)) throw tornHeader(title);
  const labelBytes = bytes.slice(0, -WRAPPED_KEY_BYTES);
  const notAfter = Number(viewOf(bytes).getBigUint64(NOT_AFTER_AT));
  const keyKcv = bytes.slice(KCV_AT, KCV_AT + KCV_BYTES);
  const name = new TextDecoder().decode(labelBytes.subarray(FIXED_BYTES));
  return {name, notAfter, keyKcv, labelBytes, wrappedKey: bytes.slice(-WRAPPED_KEY_BYTES)};
}

/** The error of a file that ends within its header. */
export function tornHeader(title: string): DekError<'BAD_INPUT'> {
  return new DekError('BAD_INPUT', `${title} ends within the header of the envelope`, {hint: 'it is not whole'});
}

/** `2027-01-31T23:59:59Z`; what no calendar has, as a number. */
export function dateText(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? `${seconds} s after 1970` : date.toISOString().replace('.000Z', 'Z');
}

function nameToBytes(name: string): Uint8Array {
  const bytes = new TextEncoder().encode(name);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (bytes.length >= 1 && bytes.length <= MAX_NAME_BYTES && !/[\0-\x1f\x7f]/.test(name)) return bytes;
  throw new DekError('BAD_ARGUMENT', `"name" expected 1 to ${MAX_NAME_BYTES} bytes without control characters`);
}

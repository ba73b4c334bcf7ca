/**
 * TTLV, the encoding of KMIP: specification 1.4, section 9.1. An item is a tag (3 bytes), a type (1), a length (4,
 * big-endian) and a value, which zeros pad to a multiple of 8. Reads what a server says, so it takes nothing on trust:
 * every length is inside that of its parent, depth and count are bounded.
 */
import {viewOf} from '../bytes.js';
import {DekError} from '../errors.js';

/** An item: its tag, and its value by its type. */
export type Item =
  | {readonly tag: number; readonly type: typeof TYPE.structure; readonly value: readonly Item[]}
  | {readonly tag: number; readonly type: typeof TYPE.text; readonly value: string}
  | {readonly tag: number; readonly type: typeof TYPE.bytes | typeof TYPE.bigInteger; readonly value: Uint8Array}
  | {readonly tag: number; readonly type: typeof TYPE.boolean; readonly value: boolean}
  | {readonly tag: number; readonly type: typeof TYPE.longInteger | typeof TYPE.dateTime; readonly value: bigint}
  | {readonly tag: number; readonly type: Short; readonly value: number};

type Short = typeof TYPE.integer | typeof TYPE.enumeration | typeof TYPE.interval;

/** Section 9.1.1.2. */
export const TYPE = {
  structure: 1,
  integer: 2,
  longInteger: 3,
  bigInteger: 4,
  enumeration: 5,
  boolean: 6,
  text: 7,
  bytes: 8,
  dateTime: 9,
  interval: 10,
} as const;

/** Bytes before a value. */
export const HEADER_BYTES = 8;
/** Deeper than any message of the specification. */
const MAX_DEPTH = 16;
/** More than a page of what is located has. */
const MAX_ITEMS = 100_000;
const TEXT = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true});

export const structure = (tag: number, ...value: readonly Item[]): Item => ({tag, type: TYPE.structure, value});
export const integer = (tag: number, value: number): Item => ({tag, type: TYPE.integer, value});
export const enumeration = (tag: number, value: number): Item => ({tag, type: TYPE.enumeration, value});
export const text = (tag: number, value: string): Item => ({tag, type: TYPE.text, value});
export const byteString = (tag: number, value: Uint8Array): Item => ({tag, type: TYPE.bytes, value});

/** The bytes of an item. */
export function encode(item: Item): Uint8Array {
  const value = encodeValue(item);
  const bytes = new Uint8Array(HEADER_BYTES + padded(value.length));
  const view = viewOf(bytes);
  view.setUint32(0, (item.tag << 8) | item.type);
  view.setUint32(4, value.length);
  bytes.set(value, HEADER_BYTES);
  return bytes;
}

/** The tag, the type and the length of the value that `header`, 8 bytes, begins; the length with its padding too. */
export function parseHeader(header: Uint8Array): {tag: number; type: number; length: number; total: number} {
  const view = viewOf(header);
  const length = view.getUint32(4);
  return {tag: view.getUint32(0) >>> 8, type: header[3]!, length, total: HEADER_BYTES + padded(length)};
}

/** The one item that `bytes` is. Throws BAD_INPUT. */
export function decode(bytes: Uint8Array): Item {
  const state = {items: 0};
  const {item, end} = decodeAt(bytes, 0, 0, state);
  if (end !== bytes.length) throw malformed('bytes follow its end');
  return item;
}

function decodeAt(bytes: Uint8Array, at: number, depth: number, state: {items: number}): {item: Item; end: number} {
  if (depth > MAX_DEPTH) throw malformed('it is too deep');
  if (++state.items > MAX_ITEMS) throw malformed('it has too many items');
  if (bytes.length - at < HEADER_BYTES) throw malformed('an item is cut off');
  const {tag, type, length, total} = parseHeader(bytes.subarray(at, at + HEADER_BYTES));
  if (tag >> 16 !== 0x42 && tag >> 16 !== 0x54) throw malformed('a tag is none');
  const end = at + total;
  if (end > bytes.length) throw malformed('a length is longer than what there is');
  const value = bytes.subarray(at + HEADER_BYTES, at + HEADER_BYTES + length);
  for (let i = at + HEADER_BYTES + length; i < end; i++) if (bytes[i] !== 0) throw malformed('its padding is not zero');
  if (type === TYPE.structure) {
    const items: Item[] = [];
    for (let inner = 0; inner < value.length; ) {
      const next = decodeAt(value, inner, depth + 1, state);
      items.push(next.item);
      inner = next.end;
    }
    return {item: {tag, type, value: items}, end};
  }
  return {item: decodeValue(tag, type, value), end};
}

function decodeValue(tag: number, type: number, value: Uint8Array): Item {
  const view = viewOf(value);
  const expect = (bytes: number): void => {
    if (value.length !== bytes) throw malformed('a value has a length that its type has not');
  };
  switch (type) {
    case TYPE.integer:
      expect(4);
      return {tag, type, value: view.getInt32(0)};
    case TYPE.enumeration:
    case TYPE.interval:
      expect(4);
      return {tag, type, value: view.getUint32(0)};
    case TYPE.longInteger:
    case TYPE.dateTime:
      expect(8);
      return {tag, type, value: view.getBigInt64(0)};
    case TYPE.boolean: {
      expect(8);
      const number = view.getBigUint64(0);
      if (number > 1n) throw malformed('a boolean is neither true nor false');
      return {tag, type, value: number === 1n};
    }
    case TYPE.bigInteger:
      if (value.length === 0 || value.length % 8 !== 0) throw malformed('a value has a length that its type has not');
      return {tag, type, value: value.slice()};
    case TYPE.bytes:
      return {tag, type, value: value.slice()};
    case TYPE.text:
      try {
        return {tag, type, value: TEXT.decode(value)};
      } catch {
        throw malformed('a text is not UTF-8');
      }
    default:
      throw malformed('a type is none');
  }
}

function encodeValue({type, value}: Item): Uint8Array {
  switch (type) {
    case TYPE.structure: {
      const parts = value.map(encode);
      const bytes = new Uint8Array(parts.reduce((sum, {length}) => sum + length, 0));
      let at = 0;
      for (const part of parts) {
        bytes.set(part, at);
        at += part.length;
      }
      return bytes;
    }
    case TYPE.text:
      return new TextEncoder().encode(value);
    case TYPE.bytes:
    case TYPE.bigInteger:
      return value;
    case TYPE.boolean:
    case TYPE.longInteger:
    case TYPE.dateTime: {
      const bytes = new Uint8Array(8);
      viewOf(bytes).setBigInt64(0, BigInt(value));
      return bytes;
    }
    default: {
      const bytes = new Uint8Array(4);
      viewOf(bytes).setInt32(0, value);
      return bytes;
    }
  }
}

function padded(length: number): number {
  return Math.ceil(length / 8) * 8;
}

function malformed(what: string): DekError<'BAD_INPUT'> {
  return new DekError('BAD_INPUT', `answered what is not TTLV: ${what}`);
}

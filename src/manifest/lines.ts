/**
 * A stream of bytes as whole lines of ASCII, many at a time. A line ends in a line feed, the last one too: so a file
 * that was cut off within a line is noticed. Left out: CRLF, byte order marks, any other encoding.
 */
import {types} from 'node:util';
import {DekError} from '../errors.js';
import {itemsOf} from '../given.js';
import {fault} from './fault.js';

/**
 * The most bytes of a line without its line feed. The longest entry has about 430, a header with 60 devices about
 * 1,400.
 */
export const MAX_LINE_BYTES = 4096;

const LINE_FEED = 0x0a;
/** A byte order mark in UTF-8, byte by byte. */
const BYTE_ORDER_MARK = '\xef\xbb\xbf';
/** What cannot stand in a line of a manifest: all but printable ASCII and tabs. */
const NOT_TEXT = /[^\t\x20-\x7e]/;

/** Bytes in chunks of any size, such as a Readable, a web stream or an array of Buffers. */
export type ByteSource = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** Whole lines, one after the other, each with its line feed. */
export interface Lines {
  /** At the end or anywhere in a buffer that is used by nothing else. */
  text: Uint8Array;
  /** The line that comes first. */
  first: number;
  count: number;
}

/**
 * Yields the header's line alone and then all others, for each chunk those that it completes. Holds a chunk and a line
 * at most. Throws BAD_INPUT after the lines before the fault.
 */
export async function* linesOf(source: ByteSource): AsyncGenerator<Lines, void> {
  let next = 1;
  let rest = new Uint8Array();
  for await (const chunk of itemsOf(source, 'source')) {
    if (!types.isUint8Array(chunk)) throw new DekError('BAD_ARGUMENT', '"source" expected chunks of Uint8Array');
    // A copy: the source may fill its buffer again.
    const bytes = new Uint8Array(rest.length + chunk.length);
    bytes.set(rest);
    bytes.set(chunk, rest.length);
    const {ends, isTooLong} = lineEnds(bytes);
    let at = 0;
    if (next === 1 && ends.count > 0) {
      at = ends.first;
      yield {text: bytes.slice(0, at), first: 1, count: 1};
      next++;
      ends.count--;
    }
    rest = bytes.slice(ends.last);
    if (ends.count > 0) yield {text: bytes.subarray(at, ends.last), first: next, count: ends.count};
    next += ends.count;
    if (isTooLong) throw fault(next, null, `is longer than ${MAX_LINE_BYTES} bytes`);
  }
  if (rest.length > 0) {
    throw fault(next, null, 'ends without a line feed', 'the file was cut off: get a whole copy of it');
  }
  if (next === 1) throw new DekError('BAD_INPUT', 'the manifest is empty: not even a header is there');
}

/**
 * How many lines of `bytes` are whole, where the first and the last of them end, and whether the next one is too long.
 */
function lineEnds(bytes: Uint8Array): {ends: {count: number; first: number; last: number}; isTooLong: boolean} {
  const buffer = Buffer.from(bytes.buffer); // whose indexOf is the fastest
  const ends = {count: 0, first: 0, last: 0};
  for (;;) {
    const end = buffer.indexOf(LINE_FEED, ends.last);
    const length = (end < 0 ? bytes.length : end) - ends.last;
    if (end < 0 || length > MAX_LINE_BYTES) return {ends, isTooLong: length > MAX_LINE_BYTES};
    ends.last = end + 1;
    if (ends.count++ === 0) ends.first = ends.last;
  }
}

/** Throws BAD_INPUT unless the line is ASCII text with something in it. */
export function assertText(text: string, line: number): void {
  if (text === '') throw fault(line, null, 'is empty');
  if (line === 1 && text.startsWith(BYTE_ORDER_MARK)) {
    throw fault(line, null, 'starts with a byte order mark', 'save the file as UTF-8 without one');
  }
  const at = text.search(NOT_TEXT);
  if (at < 0) return;
  const byte = text.charCodeAt(at);
  if (byte === 0x0d && at === text.length - 1) {
    throw fault(line, null, 'ends in CRLF', 'lines end in a line feed alone: convert the file with dos2unix');
  }
  const shown = byte === 0 ? 'a NUL byte' : `byte 0x${byte.toString(16).padStart(2, '0')}`;
  throw fault(line, null, `${shown} in column ${at + 1}: a manifest is ASCII text`);
}

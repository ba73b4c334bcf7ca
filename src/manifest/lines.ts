/**
 * A stream of bytes as lines of ASCII. A line ends in a line feed, the last one too: so a file that was cut off within a line
 * is noticed. Left out: CRLF, byte order marks, any other encoding.
 */
import {DekError} from '../errors.js';
import {fault} from './fault.js';

/** The most bytes of a line without its line feed. The longest entry has about 330, a header with 60 devices about 1,400. */
export const MAX_LINE_BYTES = 4096;

const LINE_FEED = 0x0a;
/** A byte order mark in UTF-8, byte by byte. */
const BYTE_ORDER_MARK = '\xef\xbb\xbf';
/** What cannot stand in a line of a manifest: all but printable ASCII and tabs. */
const NOT_TEXT = /[^\t\x20-\x7e]/;

/** Bytes in chunks of any size, such as a Readable, a web stream or an array of Buffers. */
export type ByteSource = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** Yields each line without its line feed, and holds one line at most. Throws BAD_INPUT. */
export async function* linesOf(source: ByteSource): AsyncGenerator<string, void> {
  let line = 1;
  let rest = Buffer.alloc(0);
  for await (const chunk of source) {
    if (!(chunk instanceof Uint8Array)) throw new DekError('BAD_ARGUMENT', '"source" expected chunks of Uint8Array');
    const data = Buffer.concat([rest, chunk]);
    let start = 0;
    for (let end = data.indexOf(LINE_FEED); end >= 0; end = data.indexOf(LINE_FEED, start)) {
      assertLength(end - start, line);
      yield data.toString('latin1', start, end);
      start = end + 1;
      line++;
    }
    assertLength(data.length - start, line);
    // A copy: the source may fill its buffer again.
    rest = Buffer.from(data.subarray(start));
  }
  if (rest.length > 0) {
    throw fault(line, null, 'ends without a line feed', 'the file was cut off: get a whole copy of it');
  }
  if (line === 1) throw new DekError('BAD_INPUT', 'the manifest is empty: not even a header is there');
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

function assertLength(bytes: number, line: number): void {
  if (bytes > MAX_LINE_BYTES) throw fault(line, null, `is longer than ${MAX_LINE_BYTES} bytes`);
}

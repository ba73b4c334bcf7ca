/**
 * A manifest in pieces, each kept under its own digest. The header is a piece of its own, and the lines after it are
 * cut where their content says: who adds a DEK, or writes the next generation, changes two pieces, and hosts fetch
 * those.
 */
import {createHash} from 'node:crypto';

/** Between these a piece ends at a line that CUT says, and at the latest at the larger. */
const MIN_BYTES = 2 ** 16;
const MAX_BYTES = 2 ** 19;
/** One line in so many ends a piece: with lines of some 200 bytes each 128 KiB on the average. */
const CUT = 640;
/** No line of a manifest has more. */
const MAX_LINE_BYTES = 4096;

const LF = 0x0a;

/** SHA-256 in hex. */
export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

export interface Piece {
  readonly digest: string;
  readonly bytes: Uint8Array;
}

/** The pieces of the text that comes in `chunks`; its last line may be cut off, and is a piece as it stands. */
export async function* piecesOf(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Piece, void> {
  let rest = Buffer.alloc(0);
  let isHeader = true;
  for await (const chunk of chunks) {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const length = isHeader ? rest.indexOf(LF) + 1 : cutIn(rest);
      if (length === 0) break;
      yield pieceOf(rest.subarray(0, length));
      rest = rest.subarray(length);
      isHeader = false;
    }
  }
  if (rest.length > 0) yield pieceOf(rest);
}

/** Where the first piece of `text` ends; 0: not in it. */
function cutIn(text: Buffer): number {
  for (let at = text.indexOf(LF, MIN_BYTES); at >= 0; at = text.indexOf(LF, at + 1)) {
    if (at + 1 > MAX_BYTES - MAX_LINE_BYTES || hashBefore(text, at) % CUT === 0) return at + 1;
  }
  return 0;
}

/** FNV-1a of the 24 bytes before: of the wrapped key, which looks random. */
function hashBefore(text: Buffer, end: number): number {
  let hash = 0x811c9dc5;
  for (let at = Math.max(0, end - 24); at < end; at++) hash = Math.imul(hash ^ text[at]!, 0x01000193) >>> 0;
  return hash;
}

function pieceOf(bytes: Uint8Array): Piece {
  return {digest: digestOf(bytes), bytes: Uint8Array.from(bytes)};
}

/** A list of digests as a blob: 32 bytes each. */
export function listBytes(digests: readonly string[]): Uint8Array {
  return new Uint8Array(Buffer.from(digests.join(''), 'hex'));
}

/** Undefined unless it is one. */
export function parseList(bytes: Uint8Array): string[] | undefined {
  if (bytes.length % 32 !== 0) return undefined;
  const hex = Buffer.from(bytes).toString('hex');
  return Array.from({length: bytes.length / 32}, (_, i) => hex.slice(64 * i, 64 * (i + 1)));
}

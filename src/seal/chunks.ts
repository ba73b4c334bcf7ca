/**
 * The data of an envelope: chunks of 64 KiB, each AES-256-GCM under the blob key, which no other envelope has. The
 * nonce of a chunk is its number and whether it is the last: the STREAM construction (Hoang, Reyhanitabar, Rogaway,
 * Vizar, 2015), as age has it. So chunks that are altered, swapped, repeated or missing are found, each before a byte
 * of it is given out.
 *
 *     nonce    number of the chunk from 0 (11 bytes, big-endian) | 1 if it is the last, else 0
 *     chunk    ciphertext (1 to 65,536 bytes; 0 only if there is no other chunk) | tag (16 bytes)
 */
import {secretBytes, viewOf, wipe} from '../bytes.js';
import {fill} from '../custody/key-stream.js';
import type {ReadOn} from '../custody/source.js';
import {DekError} from '../errors.js';
import {gcm} from './gcm.js';

const CHUNK_BYTES = 65_536;
const TAG_BYTES = 16;
const NONCE_BYTES = 12;

/** Called with how many bytes of data are done. */
export type OnBytes = (bytes: number) => void;

/** Seals what `read` gives, a chunk at a time. What it yields is good until the next is asked for. */
export async function* sealChunks(
  key: Uint8Array,
  read: ReadOn,
  onBytes: OnBytes = () => {},
): AsyncGenerator<Uint8Array, void> {
  for await (const {bytes, index, isLast} of pieces(read, CHUNK_BYTES)) {
    const tag = gcm().seal(key, nonceOf(index, isLast), bytes);
    yield bytes;
    yield tag;
    onBytes(index * CHUNK_BYTES + bytes.length);
  }
}

/**
 * Opens the chunks that `read` gives. What it yields is wiped when the next is asked for. Throws UNWRAP_FAILED, which
 * says what is at fault; `title` is what it calls the envelope.
 */
export async function* openChunks(
  key: Uint8Array,
  read: ReadOn,
  title: string,
  onBytes: OnBytes = () => {},
): AsyncGenerator<Uint8Array, void> {
  for await (const {bytes, index, isLast} of pieces(read, CHUNK_BYTES + TAG_BYTES)) {
    const isInPlace = index === 0 || bytes.length > TAG_BYTES;
    const sealed = bytes.slice();
    if (!open(key, bytes, nonceOf(index, isLast)) || !isInPlace) throw damaged(key, sealed, index, isLast, title);
    const data = bytes.subarray(0, -TAG_BYTES);
    try {
      yield data;
      onBytes(index * CHUNK_BYTES + data.length);
    } finally {
      wipe(data);
    }
  }
}

/** Puts the data of a chunk where the chunk was; false, and it is wiped, when it was not sealed under this nonce. */
function open(key: Uint8Array, chunk: Uint8Array, nonce: Uint8Array): boolean {
  if (chunk.length < TAG_BYTES) return false;
  const isWhole = gcm().open(key, nonce, chunk.subarray(0, -TAG_BYTES), chunk.subarray(-TAG_BYTES));
  if (!isWhole) wipe(chunk);
  return isWhole;
}

/** What happened to the chunk `index`. */
function damaged(key: Uint8Array, chunk: Uint8Array, index: number, isLast: boolean, title: string): DekError {
  const isSealedAs = open(key, chunk, nonceOf(index, !isLast));
  wipe(chunk);
  if (isSealedAs) {
    return isLast
      ? new DekError('UNWRAP_FAILED', `${title} ends after chunk ${index + 1}: the rest of it is missing`)
      : new DekError('UNWRAP_FAILED', `${title} goes on after its last chunk, ${index + 1}: something was added`);
  }
  return new DekError('UNWRAP_FAILED', `chunk ${index + 1} of ${title} is not what was sealed there`, {
    hint: 'it was altered, moved, repeated or cut off: use another copy of the file',
  });
}

function nonceOf(index: number, isLast: boolean): Uint8Array {
  const nonce = new Uint8Array(NONCE_BYTES);
  viewOf(nonce).setBigUint64(3, BigInt(index));
  nonce[NONCE_BYTES - 1] = isLast ? 1 : 0;
  return nonce;
}

/** Pieces of `pieceBytes`, the last of which may be shorter; none of them is empty but an only one. They are wiped. */
async function* pieces(
  read: ReadOn,
  pieceBytes: number,
): AsyncGenerator<{bytes: Uint8Array; index: number; isLast: boolean}, void> {
  let [current, next] = [secretBytes(pieceBytes), secretBytes(pieceBytes)];
  try {
    let length = await fill(current, read);
    for (let index = 0; ; index++) {
      const nextLength = length < pieceBytes ? 0 : await fill(next, read);
      const isLast = nextLength === 0;
      yield {bytes: current.subarray(0, length), index, isLast};
      if (isLast) return;
      [current, next, length] = [next, current, nextLength];
    }
  } finally {
    wipe(current, next);
  }
}

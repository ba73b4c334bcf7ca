/** Keys of one size, one after the other, from a descriptor: many at a time, each whole. */
import {secretBytes, wipe} from '../bytes.js';
import {DekError} from '../errors.js';
import {readSome} from './source.js';

const PIECE_BYTES = 2 ** 18;

/**
 * Yields the keys of `eachBytes` bytes that `fd` gives, about 256 KiB at a time, in buffers that the caller wipes. Throws BAD_INPUT
 * when it gives none, or ends within one; IO.
 */
export async function* readKeys(fd: number, eachBytes: number, name: string): AsyncGenerator<Uint8Array, void> {
  let total = 0;
  for (let isEnd = false; !isEnd; ) {
    const piece = secretBytes(Math.floor(PIECE_BYTES / eachBytes) * eachBytes);
    const length = await fill(piece, fd).catch((error: unknown) => {
      wipe(piece);
      throw error;
    });
    total += length;
    isEnd = length < piece.length;
    if (total === 0) throw new DekError('BAD_INPUT', `${name} is empty`);
    if (length % eachBytes !== 0) {
      wipe(piece);
      throw new DekError('BAD_INPUT', `${name} holds ${total} bytes, which are no whole keys of ${eachBytes}`);
    }
    if (length > 0) yield piece.subarray(0, length);
  }
}

/** Fills `piece` up to the end of the stream or of the buffer; returns how many bytes came. */
async function fill(piece: Uint8Array, fd: number): Promise<number> {
  let length = 0;
  while (length < piece.length) {
    const {bytesRead} = await readSome(fd, piece, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return length;
}

/** Keys of one size, one after the other, from a descriptor: many at a time, each whole. */
import {secretBytes, wipe} from '../bytes.js';
import {DekError} from '../errors.js';
import type {Format} from './encoding.js';
import {isText} from './mismatch.js';
import type {ReadOn} from './source.js';

const PIECE_BYTES = 2 ** 18;

/**
 * Yields the keys of `eachBytes` bytes that `read` gives, about 256 KiB at a time, in buffers that the caller wipes.
 * They are raw, but one that is text is no key unless `format` says raw. Throws BAD_INPUT then, when it gives none, or
 * ends within one; IO.
 */
export async function* readKeys(
  read: ReadOn,
  eachBytes: number,
  name: string,
  format?: Format,
): AsyncGenerator<Uint8Array, void> {
  assertRaw(name, format);
  let total = 0;
  for (let isEnd = false; !isEnd; ) {
    const piece = secretBytes(Math.floor(PIECE_BYTES / eachBytes) * eachBytes);
    const length = await fill(piece, read).catch((error: unknown) => {
      wipe(piece);
      throw error;
    });
    total += length;
    isEnd = length < piece.length;
    if (total === 0) throw new DekError('BAD_INPUT', `${name} is empty`);
    if (length % eachBytes !== 0) {
      wipe(piece);
      throw new DekError('BAD_INPUT', `${name} holds ${total} bytes, not a multiple of ${eachBytes}`);
    }
    const keys = piece.subarray(0, length);
    const text = format === 'raw' ? -1 : firstText(keys, eachBytes);
    if (text >= 0) {
      wipe(piece);
      const key = (total - length) / eachBytes + text + 1;
      throw new DekError('BAD_INPUT', `${name} is text where key ${key} should be`, {
        hint: `many keys are raw, ${eachBytes} bytes each; if they are letters indeed, give raw as their format`,
      });
    }
    if (length > 0) yield keys;
  }
}

function assertRaw(name: string, format: Format | undefined): void {
  if (format === undefined || format === 'raw') return;
  throw new DekError('BAD_ARGUMENT', `${name} has many keys, which are raw, not ${format}`, {
    hint: 'xxd -r -p makes hex raw, base64 -d base64',
  });
}

/** Which of the keys is text, the first of them; -1: none. */
function firstText(keys: Uint8Array, eachBytes: number): number {
  for (let i = 0; i * eachBytes < keys.length; i++) {
    if (isText(keys.subarray(i * eachBytes, (i + 1) * eachBytes))) return i;
  }
  return -1;
}

/** Fills `piece` up to the end of the stream or of the buffer; returns how many bytes came. */
export async function fill(piece: Uint8Array, read: ReadOn): Promise<number> {
  let length = 0;
  while (length < piece.length) {
    const bytesRead = await read(piece, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return length;
}

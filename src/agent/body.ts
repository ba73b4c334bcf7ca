/** A request body that may be a key: read into one buffer outside V8's heap, every piece of it wiped on the way. */
import type {Readable} from 'node:stream';
import {secretBytes, wipe} from '../bytes.js';
import {DekError} from '../errors.js';

/**
 * The bytes of `stream`, for the caller to wipe. Throws BAD_ARGUMENT when there are more than `maxBytes`; the rest is
 * read and dropped all the same, because a client hears an answer only after it has sent its request.
 */
export async function readBody(stream: Readable, maxBytes: number): Promise<Uint8Array> {
  const buffer = secretBytes(maxBytes);
  let length = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      if (length + chunk.length <= maxBytes) buffer.set(chunk, length);
      length += chunk.length;
      wipe(chunk);
    }
    if (length > maxBytes) throw new DekError('BAD_ARGUMENT', `the request body has more than ${maxBytes} bytes`);
    return buffer.subarray(0, length);
  } catch (error) {
    wipe(buffer);
    throw error;
  }
}

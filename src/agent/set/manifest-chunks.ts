/**
 * How the file of a manifest is read. The first reading goes by the pool, as a mount that does not answer must not stop
 * this thread. It has then been seen to answer, and the file is in the cache: the second one, while DEKs are made, is
 * on this thread, since the pool is busy with firmware commands, behind which a read would wait.
 */
import fs, {closeSync, constants, readSync} from 'node:fs';
import {setImmediate as turnOfTheLoop} from 'node:timers/promises';
import {promisify} from 'node:util';
import {Deadline} from '../../deadline.js';
import {DekError} from '../../errors.js';
import {systemError} from '../../files/system-error.js';

const openFile = promisify(fs.open);
const fstat = promisify(fs.fstat);
const read = promisify(fs.read);

/** How long a file may give nothing. */
const TIMEOUT_MS = 10_000;

/** Opens a manifest, and tells its length. Throws NO_INPUT, PERMISSION, IO; BAD_INPUT for what is no file. */
export async function openManifest(path: string, signal: AbortSignal): Promise<{fd: number; bytes: number}> {
  const deadline = new Deadline(path, {timeoutMs: TIMEOUT_MS, signal});
  // Not to wait for a writer where there is a pipe: that is refused.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK;
  const fd = await deadline.wait(() => openFile(path, flags), closeSync).catch(unreadable(path));
  try {
    const stat = await deadline.wait(() => fstat(fd)).catch(unreadable(path));
    if (stat.isFile()) return {fd, bytes: stat.size};
    throw new DekError('BAD_INPUT', `${path} is not a file`, {hint: 'the agent reads a manifest more than once'});
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** Reads from a place in the file into a buffer; resolves to how many bytes came. */
type Reader = (buffer: Uint8Array, position: number) => Promise<number>;

/** By the pool, with a deadline. */
export function slowReader(path: string, fd: number, signal: AbortSignal): Reader {
  return async (buffer, position) => {
    const deadline = new Deadline(path, {timeoutMs: TIMEOUT_MS, signal});
    return (await deadline.wait(() => read(fd, buffer, 0, buffer.length, position))).bytesRead;
  };
}

/** On this thread. */
export function fastReader(fd: number): Reader {
  return async (buffer, position) => {
    await turnOfTheLoop();
    return readSync(fd, buffer, 0, buffer.length, position);
  };
}

/** The file from its start, so many bytes at a time, in one buffer; `tap` sees each before it is given out. */
export async function* chunksOf(
  path: string,
  bytes: number,
  readAt: Reader,
  tap?: (chunk: Uint8Array) => void,
): AsyncGenerator<Uint8Array, void> {
  const buffer = new Uint8Array(bytes);
  for (let position = 0; ; ) {
    const bytesRead = await readAt(buffer, position).catch(unreadable(path));
    if (bytesRead === 0) return;
    position += bytesRead;
    const chunk = buffer.subarray(0, bytesRead);
    tap?.(chunk);
    yield chunk;
  }
}

function unreadable(path: string): (cause: unknown) => never {
  return (cause) => {
    throw systemError('read', path, cause);
  };
}

/** Reads a file that is not to be large, whole: no more of it than that, and no longer than the limit allows. */
import fs, {closeSync} from 'node:fs';
import {promisify} from 'node:util';
import {Deadline, type Limit} from '../deadline.js';
import {DekError, systemCode} from '../errors.js';
import {systemError} from './system-error.js';

const open = promisify(fs.open);
const fstat = promisify(fs.fstat);
const read = promisify(fs.read);

const NEVER = new AbortController().signal;
/** For whoever has no limit of its own. */
export const READ_LIMIT: Limit = {timeoutMs: 10_000, signal: NEVER};

/** What was read, and whether others than its owner may write it. */
export interface SmallFile {
  readonly bytes: Uint8Array;
  readonly isOpenToWriters: boolean;
}

/** Throws NO_INPUT, PERMISSION, IO; BAD_INPUT when it is no regular file, or holds more than `maxBytes`. */
export async function readSmallFile(path: string, maxBytes: number, limit = READ_LIMIT): Promise<SmallFile> {
  const {bytes, size, mode} = await firstBytes(path, (size) => Math.min(size, maxBytes) + 1, limit);
  if (bytes.length > maxBytes) throw new DekError('BAD_INPUT', `${path} holds more than ${maxBytes} bytes`);
  if (bytes.length <= size) return {bytes, isOpenToWriters: (mode & 0o022) !== 0};
  throw new DekError('BAD_INPUT', `${path} changed while it was read`, {hint: 'write a new file and rename it'});
}

/** The same; null where there is no such file. */
export async function readIfThere(path: string, maxBytes: number, limit = READ_LIMIT): Promise<SmallFile | null> {
  try {
    return await readSmallFile(path, maxBytes, limit);
  } catch (error) {
    if (error instanceof DekError && systemCode(error.cause) === 'ENOENT') return null;
    throw error;
  }
}

/** A file, or the beginning of one. */
interface Head {
  readonly bytes: Uint8Array;
  /** Of all of it. */
  readonly size: number;
  readonly mode: number;
}

/** The first `maxBytes` of a file, and how long all of it is. Throws as `readSmallFile`. */
export function readHead(path: string, maxBytes: number): Promise<Head> {
  return firstBytes(path, (size) => Math.min(size, maxBytes), READ_LIMIT);
}

/** For who reads it by another way, which would wait for what is written to a pipe. Throws as `readSmallFile`. */
export async function assertRegularFile(path: string): Promise<void> {
  await readHead(path, 0);
}

/** As many bytes as there are and there is room for, which `roomFor` tells by the size of the file. */
async function firstBytes(path: string, roomFor: (size: number) => number, limit: Limit): Promise<Head> {
  const deadline = new Deadline(path, limit);
  try {
    // Not to wait for a writer where there is a pipe: that is refused.
    const flags = fs.constants.O_RDONLY | fs.constants.O_NONBLOCK;
    const fd = await deadline.wait(() => open(path, flags), closeSync);
    try {
      const stat = await deadline.wait(() => fstat(fd));
      if (!stat.isFile()) throw new DekError('BAD_INPUT', `${path} is not a regular file`);
      const bytes = new Uint8Array(roomFor(stat.size));
      let length = 0;
      while (length < bytes.length) {
        const {bytesRead} = await deadline.wait(() => read(fd, bytes, length, bytes.length - length, length));
        if (bytesRead === 0) break;
        length += bytesRead;
      }
      return {bytes: bytes.subarray(0, length), size: stat.size, mode: stat.mode};
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw systemError('read', path, error);
  }
}

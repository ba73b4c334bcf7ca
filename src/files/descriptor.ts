/**
 * Room for descriptors, and writing to an open one, such as standard output. Bytes go from the caller's buffer to the
 * kernel.
 */
import fs from 'node:fs';
import {promisify} from 'node:util';
import {DekError, systemCode} from '../errors.js';
import {isTooManyFiles, systemError, tooManyFiles} from './system-error.js';

const write = promisify(fs.write);
const sleep = promisify(setTimeout);

/** How soon a descriptor in non-blocking mode is tried again: at first, for a reader that keeps up, and in the end. */
const RETRY_MS = {first: 1, last: 20};

/**
 * Throws LIMIT unless this process can open as many files more. Much of what is called here and in libraries takes a
 * file that it cannot open for one that is not there.
 */
export function assertRoomFor(files: number): void {
  const opened: number[] = [];
  try {
    while (opened.length < files) opened.push(fs.openSync('/dev/null', 'r'));
  } catch (error) {
    if (isTooManyFiles(error)) throw tooManyFiles(`this needs ${files} files at once`, error);
  } finally {
    for (const fd of opened) fs.closeSync(fd);
  }
}

/**
 * Writes `bytes` to an open descriptor. Throws IO, also for a standard stream that this process was started without.
 */
export async function writeDescriptor(fd: number, bytes: Uint8Array, name: string): Promise<void> {
  assertNoStandIn(fd, name, 'give --output FILE; to throw a key away, redirect to /dev/null');
  try {
    await writeAll(fd, bytes);
  } catch (error) {
    throw systemError('write', name, error);
  }
}

/** Throws IO when what is written to `fd` would go nowhere, as this process was started without it. */
export function assertNoStandIn(fd: number, name: string, hint: string): void {
  if (!isStandIn(fd)) return;
  throw new DekError('IO', `cannot write ${name}: it is closed, or /dev/null open for reading too`, {
    hint,
    errno: 'EBADF',
  });
}

/**
 * Whether `fd` is the /dev/null that Node opens at its start in the place of a standard stream that is closed. It opens
 * it for reading and writing, a shell's > /dev/null for writing only: proc(5), fdinfo.
 */
export function isStandIn(fd: number): boolean {
  try {
    if (fs.readlinkSync(`/proc/self/fd/${fd}`) !== '/dev/null') return false;
    return (flagsIn(fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1')) & fs.constants.O_RDWR) !== 0;
  } catch {
    return false; // without /proc it cannot be told
  }
}

/** The flags of open(2) in the text of /proc/PID/fdinfo/N, proc(5); NaN when it has none. */
export function flagsIn(fdinfo: string): number {
  return Number.parseInt(/^flags:\s*(\d+)$/m.exec(fdinfo)?.[1] ?? '', 8);
}

/** Writes all of `bytes`, also to a descriptor in non-blocking mode. Throws the system's error. */
async function writeAll(fd: number, bytes: Uint8Array): Promise<void> {
  let written = 0;
  let pauseMs = RETRY_MS.first;
  while (written < bytes.length) {
    try {
      written += (await write(fd, bytes, written)).bytesWritten;
      pauseMs = RETRY_MS.first;
    } catch (error) {
      if (systemCode(error) !== 'EAGAIN') throw error;
      await sleep(pauseMs);
      pauseMs = Math.min(2 * pauseMs, RETRY_MS.last);
    }
  }
}

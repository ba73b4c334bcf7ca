/**
 * One process at a time: flock(2) on a file or a directory. The kernel ends the lock of a process that dies, so that none is
 * ever left over.
 */
import fs from 'node:fs';
import {setTimeout as pause} from 'node:timers/promises';
import {DekError} from '../errors.js';
import {tryLock} from './ffi.js';

const WAIT_MS = 5000;
const RETRY_MS = 5;

/** Calls `body` while holding the lock of `path`. Throws BUSY when another process holds it for five seconds. */
export function withLock<T>(path: string, body: () => T): T {
  const fd = fs.openSync(path, 'r');
  try {
    const until = Date.now() + WAIT_MS;
    while (!tryLock(fd)) {
      if (Date.now() > until) throw locked(path);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
    return body();
  } finally {
    fs.closeSync(fd);
  }
}

/** Takes the lock of `path`; resolves to the way to let go. Throws BUSY when another process holds it for five seconds. */
export async function takeLock(path: string): Promise<() => void> {
  const fd = fs.openSync(path, 'r');
  const until = Date.now() + WAIT_MS;
  while (!tryLock(fd)) {
    if (Date.now() > until) {
      fs.closeSync(fd);
      throw locked(path);
    }
    await pause(RETRY_MS);
  }
  return () => fs.closeSync(fd);
}

function locked(path: string): DekError<'BUSY'> {
  return new DekError('BUSY', `another process holds the lock of ${path}`, {hint: 'try again'});
}

/**
 * One writer at a time for the settings of a virtual ConnectX: two that load a KEK at once must not pick the same place.
 * The kernel ends the lock of a writer that dies, so that none is ever left over. Only writers on one host take it; programs
 * on the NIC never do.
 */
import fs from 'node:fs';
import {DekError} from '../errors.js';
import {tryLock} from './ffi.js';

const WAIT_MS = 5000;
const RETRY_MS = 5;

/** Calls `body` while holding the lock of `directory`. Throws BUSY when another process holds it for five seconds. */
export function withLock<T>(directory: string, body: () => T): T {
  const fd = fs.openSync(directory, 'r');
  try {
    const until = Date.now() + WAIT_MS;
    while (!tryLock(fd)) {
      if (Date.now() > until) throw new DekError('BUSY', 'another process is changing this virtual ConnectX');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
    return body();
  } finally {
    fs.closeSync(fd);
  }
}

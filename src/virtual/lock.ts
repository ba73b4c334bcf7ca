/**
 * One writer at a time for the settings of a virtual ConnectX: two that load a KEK at once must not pick the same place.
 * A lock file names its holder, so that what a killed one left is seen and taken away. Only writers on one host take it;
 * programs on the NIC never do.
 */
import fs from 'node:fs';
import {DekError, systemCode} from '../errors.js';
import {processStart} from './live.js';

const WAIT_MS = 5000;
const RETRY_MS = 5;

/** Calls `body` while holding the lock file `path`. Throws BUSY when another process holds it for five seconds. */
export function withLock<T>(path: string, body: () => T): T {
  take(path);
  try {
    return body();
  } finally {
    fs.rmSync(path, {force: true});
  }
}

function take(path: string): void {
  const until = Date.now() + WAIT_MS;
  for (;;) {
    try {
      fs.writeFileSync(path, `${process.pid} ${processStart(process.pid)}`, {flag: 'wx', mode: 0o600});
      return;
    } catch (error) {
      if (systemCode(error) !== 'EEXIST') throw error;
    }
    if (isStale(path)) fs.rmSync(path, {force: true});
    else if (Date.now() > until) throw new DekError('BUSY', `another process changes this virtual ConnectX`);
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
  }
}

/** Whether the holder of the lock is dead. An empty file is one that is just being written. */
function isStale(path: string): boolean {
  try {
    const [pid, start] = fs.readFileSync(path, 'latin1').split(' ');
    return start !== undefined && `${processStart(Number(pid))}` !== start;
  } catch {
    return false;
  }
}

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
  const mine = `${path}.${process.pid}`;
  fs.writeFileSync(mine, `${process.pid} ${processStart(process.pid)}`, {mode: 0o600});
  try {
    while (!link(mine, path)) {
      if (isStale(path)) fs.rmSync(path, {force: true});
      else if (Date.now() > until) throw new DekError('BUSY', 'another process is changing this virtual ConnectX');
      else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  } finally {
    fs.rmSync(mine, {force: true});
  }
}

/** Whether `path` could be made, whole at once: an open(2) and a write(2) could be killed between the two. */
function link(from: string, path: string): boolean {
  try {
    fs.linkSync(from, path);
    return true;
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Whether the holder of the lock is dead. */
function isStale(path: string): boolean {
  try {
    const [pid, start] = fs.readFileSync(path, 'latin1').split(' ');
    return start !== undefined && `${processStart(Number(pid))}` !== start;
  } catch {
    return false;
  }
}

/**
 * One process at a time: flock(2) on a file or a directory. The kernel ends the lock of a process that dies, so that
 * none is ever left over. Who can open the file can take its lock and keep it: `holdLock` takes that of a file of its
 * own.
 */
import fs from 'node:fs';
import {setTimeout as pause} from 'node:timers/promises';
import {DekError, systemCode} from '../errors.js';
import {tryLock, tryLockIfAny} from './ffi.js';
import {fstatNow, lstatNow, openNow} from './stat.js';
import {systemError} from './system-error.js';

const WAIT_MS = 5000;
const RETRY_MS = 5;

/** Calls `body` while holding the lock of `path`. Throws BUSY when another process holds it for five seconds. */
export function withLock<T>(path: string, body: () => T): T {
  const fd = openNow(path, fs.constants.O_RDONLY);
  try {
    const until = performance.now() + WAIT_MS;
    while (!tryLock(fd)) {
      if (performance.now() > until) throw locked(path);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
    return body();
  } finally {
    fs.closeSync(fd);
  }
}

/**
 * Takes the lock of the file `path` and resolves to what lets go of it. None is taken where its file system has no such
 * locks: NFS gives none to who reads. `goOn` is called between two tries, and may throw. Throws BUSY when another
 * process holds it for five seconds, and the system's error.
 */
export async function lockFile(path: string, goOn: () => Promise<unknown> = async () => {}): Promise<() => void> {
  const fd = openToLock(path);
  try {
    const until = performance.now() + WAIT_MS;
    while (!tryLockIfAny(fd)) {
      if (performance.now() > until) throw locked(path);
      await goOn();
      await pause(RETRY_MS);
    }
    return () => fs.closeSync(fd);
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
}

function openToLock(path: string): number {
  try {
    return openNow(path, fs.constants.O_RDONLY);
  } catch (error) {
    throw systemError('read', path, error);
  }
}

/** A lock that is held until `release`, by a file that is there as long. */
export interface HeldLock {
  /** Whether the file is still where it was made. Another process can take the lock when it is not. */
  isInPlace(): boolean;
  /** Removes the file, if it is this one, and lets go; nothing the second time. */
  release(): void;
}

/**
 * Takes the lock of the file `path`, which is made with mode 0600 where there is none: only its owner and root can take
 * it. While another holds it, `held` is called between two tries, and may throw. Throws BUSY when it is held for five
 * seconds, EXISTS when the name is taken by what is no such file, and the system's error.
 */
export async function holdLock(path: string, held: () => Promise<unknown>): Promise<HeldLock> {
  const until = performance.now() + WAIT_MS;
  for (;;) {
    const lock = tryHold(path);
    if (lock) return lock;
    await held();
    if (performance.now() > until) throw locked(path);
    await pause(RETRY_MS);
  }
}

/** Undefined while another process holds it, or has just removed the file. */
export function tryHold(path: string): HeldLock | undefined {
  const fd = openOwn(path);
  const {dev, ino} = fstatNow(fd);
  const isInPlace = (): boolean => {
    const found = lstatNow(path);
    return found?.dev === dev && found.ino === ino;
  };
  if (!tryLock(fd) || !isInPlace()) {
    fs.closeSync(fd);
    return undefined;
  }
  let held = true;
  const release = (): void => {
    if (!held) return;
    held = false;
    if (isInPlace()) fs.unlinkSync(path);
    fs.closeSync(fd);
  };
  return {isInPlace, release};
}

function openOwn(path: string): number {
  const {O_RDWR, O_CREAT, O_NOFOLLOW, O_NONBLOCK} = fs.constants;
  let fd: number;
  try {
    fd = fs.openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  } catch (cause) {
    if (!['ELOOP', 'EISDIR', 'ENXIO'].includes(systemCode(cause) ?? '')) throw cause;
    throw notALock(path);
  }
  const {mode, uid} = fstatNow(fd);
  const isOurs = Number(uid) === process.geteuid?.() && (Number(mode) & fs.constants.S_IFMT) === fs.constants.S_IFREG;
  // Others could hold what they can open.
  if (isOurs && (Number(mode) & 0o077) === 0) return fd;
  fs.closeSync(fd);
  throw notALock(path);
}

function notALock(path: string): DekError<'EXISTS'> {
  return new DekError('EXISTS', `${path} is no file that only its owner can open`, {hint: `remove ${path}`});
}

function locked(path: string): DekError<'BUSY'> {
  return new DekError('BUSY', `another process holds the lock of ${path}`, {hint: 'try again'});
}

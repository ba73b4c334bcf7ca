/**
 * The agent's socket in the file system: where it lies, who can reach it, and whether the agent that made it lives.
 */
import {chmodSync, chownSync, closeSync, openSync, renameSync, unlinkSync} from 'node:fs';
import {connect} from 'node:net';
import {dirname} from 'node:path';
import {setTimeout as pause} from 'node:timers/promises';
import {makeDirectories} from '../directories.js';
import {DekError, systemCode} from '../errors.js';
import {lstatNow, statNow} from '../stat.js';
import {tryLock} from './ffi.js';

/** How long to wait for another agent that starts in the same directory. */
const LOCK_TIMEOUT_MS = 5_000;
/** The kernel's limit: sockaddr_un.sun_path is 108 bytes with its NUL, unix(7). */
const MAX_PATH_BYTES = 107;

/**
 * Puts a socket at `path`, mode 0600 in a directory of mode 0700, or 0660 and 0750 for group `gid`: `listen` binds it under
 * a name of its own, and it is renamed when it is ready, over the socket of a dead agent if there is one. Resolves to
 * the way to remove it. Throws EXISTS when an agent listens there, UNSAFE_SECRET when the directory is open to others,
 * BAD_ARGUMENT for a path that cannot be a socket.
 */
export async function bindSocket(
  path: string,
  gid: number | undefined,
  listen: (path: string) => Promise<unknown>,
): Promise<() => void> {
  const own = `${path}.${process.pid}`;
  if (Buffer.byteLength(own) > MAX_PATH_BYTES) {
    throw new DekError(
      'BAD_ARGUMENT',
      `the socket path ${path} is too long: the kernel takes ${MAX_PATH_BYTES} bytes`,
      {
        hint: 'name a shorter one with --socket; for dek run set TMPDIR',
      },
    );
  }
  const unlock = await lockDirectory(makeDirectory(dirname(path), gid));
  const umask = process.umask(0o177);
  try {
    await assertFree(path);
    if (lstatNow(own)) unlinkSync(own); // of a dead process with our id
    await listen(own);
    if (gid !== undefined) {
      chownSync(own, -1, gid);
      chmodSync(own, 0o660);
    }
    renameSync(own, path);
    const {dev, ino} = lstatNow(path)!;
    return () => removeOwn(path, dev, ino);
  } catch (error) {
    throw error instanceof DekError ? error : inaccessible(path, error);
  } finally {
    process.umask(umask);
    unlock();
  }
}

/** Removes the socket unless another agent has put its own there meanwhile. */
function removeOwn(path: string, dev: bigint, ino: bigint): void {
  const found = lstatNow(path);
  if (found?.dev === dev && found.ino === ino) unlinkSync(path);
}

/** Makes the directory where there is none; one that is there must not let others replace the socket. */
function makeDirectory(directory: string, gid: number | undefined): string {
  try {
    for (const made of makeDirectories(directory, 0o700)) {
      if (gid === undefined) continue;
      chownSync(made, -1, gid);
      chmodSync(made, 0o750);
    }
    const found = statNow(directory)!;
    const [mode, uid, group] = [Number(found.mode), Number(found.uid), Number(found.gid)];
    const sticky = (mode & 0o1000) !== 0;
    const ours = uid === process.geteuid?.() || uid === 0;
    if (!ours || ((mode & 0o022) !== 0 && !sticky)) {
      throw new DekError('UNSAFE_SECRET', `others could replace a socket in ${directory}`, {
        hint: `chmod 700 ${directory}`,
      });
    }
    if (gid !== undefined && !(group === gid && (mode & 0o010) !== 0) && (mode & 0o001) === 0) {
      throw new DekError('BAD_ARGUMENT', `group ${gid} cannot reach a socket in ${directory}`, {
        hint: `chgrp ${gid} ${directory} && chmod 750 ${directory}`,
      });
    }
    return directory;
  } catch (error) {
    throw error instanceof DekError ? error : inaccessible(directory, error);
  }
}

/** Two agents that start at once must not both find the same socket stale. Returns the way to let go. */
async function lockDirectory(directory: string): Promise<() => void> {
  const fd = openSync(directory, 'r');
  const deadline = Date.now() + LOCK_TIMEOUT_MS;
  while (!tryLock(fd)) {
    if (Date.now() > deadline) {
      closeSync(fd);
      throw new DekError('BUSY', `another process holds a lock on ${directory}`, {hint: 'try again'});
    }
    await pause(20);
  }
  return () => closeSync(fd);
}

/** A socket on which nobody accepts any more belonged to an agent that is dead: it may be replaced. */
async function assertFree(path: string): Promise<void> {
  const found = lstatNow(path);
  if (!found) return;
  if (!found.isSocket()) {
    throw new DekError('EXISTS', `${path} exists and is not a socket`, {hint: 'choose another --socket'});
  }
  if (await accepts(path)) {
    throw new DekError('EXISTS', `an agent listens on ${path} already`, {hint: 'dek status shows it'});
  }
}

function accepts(path: string): Promise<boolean> {
  return new Promise((done, reject) => {
    const socket = connect(path, () => {
      socket.destroy();
      done(true);
    });
    socket.on('error', (error) => (systemCode(error) === 'ECONNREFUSED' ? done(false) : reject(error)));
  });
}

function inaccessible(path: string, cause: unknown): DekError {
  const code = systemCode(cause);
  const denied = code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
  return new DekError(denied ? 'PERMISSION' : 'IO', `cannot make a socket at ${path}: ${code ?? cause}`, {
    hint: 'name another with --socket',
    errno: code,
    cause,
  });
}

/**
 * The agent's socket in the file system: where it lies, who can reach it, and whether the agent that made it lives.
 */
import {chmodSync, chownSync, closeSync, lstatSync, mkdirSync, openSync, statSync, unlinkSync} from 'node:fs';
import {connect} from 'node:net';
import {dirname} from 'node:path';
import {setTimeout as pause} from 'node:timers/promises';
import {DekError, systemCode} from '../errors.js';
import {tryLock} from './ffi.js';

/** How long to wait for another agent that starts in the same directory. */
const LOCK_TIMEOUT_MS = 5_000;
/** The kernel's limit: sockaddr_un.sun_path is 108 bytes with its NUL, unix(7). */
const MAX_PATH_BYTES = 107;

/**
 * Makes `listen` bind the socket at `path`: mode 0600 in a directory of mode 0700, or 0660 and 0750 for group `gid`.
 * The socket of a dead agent is removed first. Throws EXISTS when an agent listens there, UNSAFE_SECRET when the
 * directory is open to others, BAD_ARGUMENT for a path that cannot be a socket.
 */
export async function bindSocket(path: string, gid: number | undefined, listen: () => Promise<unknown>): Promise<void> {
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
    throw new DekError('BAD_ARGUMENT', `the socket path ${path} has more than ${MAX_PATH_BYTES} bytes`);
  }
  const unlock = await lockDirectory(makeDirectory(dirname(path), gid));
  const umask = process.umask(0o177);
  try {
    await removeStale(path);
    await listen();
    if (gid !== undefined) {
      chownSync(path, -1, gid);
      chmodSync(path, 0o660);
    }
  } catch (error) {
    throw error instanceof DekError ? error : inaccessible(path, error);
  } finally {
    process.umask(umask);
    unlock();
  }
}

/** Makes the directory where there is none; one that is there must not let others replace the socket. */
function makeDirectory(directory: string, gid: number | undefined): string {
  try {
    if (mkdirSync(directory, {recursive: true, mode: 0o700}) !== undefined && gid !== undefined) {
      chownSync(directory, -1, gid);
      chmodSync(directory, 0o750);
    }
    const {mode, uid} = statSync(directory);
    const sticky = (mode & 0o1000) !== 0;
    const ours = uid === process.geteuid?.() || uid === 0;
    if (!ours || ((mode & 0o022) !== 0 && !sticky)) {
      throw new DekError('UNSAFE_SECRET', `others could replace a socket in ${directory}`, {
        hint: `chmod 700 ${directory}`,
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

/** Removes the socket of an agent that is dead: nobody accepts on it any more. */
async function removeStale(path: string): Promise<void> {
  const found = lstatSync(path, {throwIfNoEntry: false});
  if (!found) return;
  if (!found.isSocket())
    throw new DekError('EXISTS', `${path} exists and is not a socket`, {hint: 'choose another --socket'});
  if (await accepts(path)) {
    throw new DekError('EXISTS', `an agent listens on ${path} already`, {hint: 'dek status shows it'});
  }
  unlinkSync(path);
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

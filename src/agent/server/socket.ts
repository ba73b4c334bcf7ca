/**
 * The agent's socket in the file system: where it lies, who can reach it, and whether the agent that made it lives.
 * That is what a lock says, `PATH.held`, not the socket: a socket can be removed under an agent that lives, which then
 * binds it anew.
 */
import {chmodSync, chownSync, renameSync, unlinkSync} from 'node:fs';
import {connect} from 'node:net';
import {dirname} from 'node:path';
import {DekError, systemCode} from '../../errors.js';
import {makeDirectories} from '../../files/directories.js';
import {type HeldLock, holdLock, tryHold} from '../../files/lock.js';
import {lstatNow, statNow} from '../../files/stat.js';
import {systemError} from '../../files/system-error.js';
import {assertShortEnough} from '../socket-path.js';

/** What is appended to the path while the socket is not ready. */
const OWN = `.${process.pid}`;

type Listen = (path: string) => Promise<unknown>;

/**
 * Puts a socket at `path`, mode 0600 in a directory of mode 0700, or 0660 and 0750 for group `gid`: `listen` binds it
 * under a name of its own, and it is renamed when it is ready, over the socket of a dead agent if there is one. Throws
 * EXISTS when an agent listens there, BUSY when one lives that does not, UNSAFE_SECRET when the directory is open to
 * others, BAD_ARGUMENT for a path that cannot be a socket.
 */
export async function bindSocket(path: string, gid: number | undefined, listen: Listen): Promise<BoundSocket> {
  assertShortEnough(path, OWN);
  makeDirectory(dirname(path), gid);
  let lock: HeldLock | undefined;
  try {
    // An agent whose socket was removed binds it anew: that is waited for.
    lock = await holdLock(lockOf(path), () => assertFree(path));
    return new BoundSocket({path, gid, listen}, lock, await place({path, gid, listen}));
  } catch (error) {
    lock?.release();
    throw inaccessible(path, error);
  }
}

interface Place {
  readonly path: string;
  readonly gid: number | undefined;
  readonly listen: Listen;
}

/** Which file it is. */
interface Inode {
  readonly dev: bigint;
  readonly ino: bigint;
}

/** A socket that was bound, and the lock that says so. */
export class BoundSocket {
  readonly #place: Place;
  #lock: HeldLock;
  #inode: Inode;

  constructor(at: Place, lock: HeldLock, inode: Inode) {
    this.#place = at;
    this.#lock = lock;
    this.#inode = inode;
  }

  /**
   * Binds it anew when it is not there any more, and says whether it did. Throws EXISTS when something else is in its
   * place, or another agent has taken the lock, and what keeps it from being bound.
   */
  async keep(): Promise<boolean> {
    const {path, gid} = this.#place;
    try {
      if (!this.#lock.isInPlace()) {
        makeDirectory(dirname(path), gid);
        const lock = tryHold(lockOf(path));
        if (!lock) throw new DekError('EXISTS', `another agent has taken the place of this one at ${path}`);
        this.#lock.release();
        this.#lock = lock;
      }
      if (isAt(path, this.#inode)) return false;
      this.#inode = await place(this.#place);
      return true;
    } catch (error) {
      throw inaccessible(path, error);
    }
  }

  /** Removes it, unless something else is in its place, and lets go of the lock. */
  remove(): void {
    if (isAt(this.#place.path, this.#inode)) unlinkSync(this.#place.path);
    this.#lock.release();
  }
}

/** Binds a socket and puts it in its place, which the lock has to be held for. */
async function place({path, gid, listen}: Place): Promise<Inode> {
  const own = path + OWN;
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
    return lstatNow(path)!;
  } finally {
    process.umask(umask);
  }
}

function isAt(path: string, {dev, ino}: Inode): boolean {
  const found = lstatNow(path);
  return found?.dev === dev && found.ino === ino;
}

/** Not PATH.lock: that is the lock of contrib/fleet/dek-fleet-start, which is held while an agent starts. */
function lockOf(path: string): string {
  return `${path}.held`;
}

/** Makes the directory where there is none; one that is there must not let others replace the socket. */
function makeDirectory(directory: string, gid: number | undefined): void {
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
  } catch (error) {
    throw inaccessible(directory, error);
  }
}

/** A socket on which nobody accepts any more belonged to an agent that is dead: it may be replaced. */
async function assertFree(path: string): Promise<void> {
  const found = lstatNow(path);
  if (!found) return;
  if (!found.isSocket()) {
    throw new DekError('EXISTS', `${path} exists and is not a socket`, {hint: 'choose another --socket'});
  }
  if (await accepts(path)) {
    throw new DekError('EXISTS', `an agent already listens on ${path}`, {hint: 'dek status shows it'});
  }
}

function accepts(path: string): Promise<boolean> {
  return new Promise((done, reject) => {
    const socket = connect(path, () => {
      socket.destroy();
      done(true);
    });
    socket.on('error', (error) => {
      const code = systemCode(error);
      if (code === 'EAGAIN')
        done(true); // more clients than it accepts at once
      else if (code === 'ECONNREFUSED' || code === 'ENOENT') done(false);
      else reject(error);
    });
  });
}

function inaccessible(path: string, cause: unknown): DekError {
  return systemError('make', `a socket at ${path}`, cause, {
    hint: 'name another for all commands, export DEK_AGENT_SOCKET=PATH, or for one with --socket',
  });
}

/**
 * The socket that a service manager has bound and passed on: sd_listen_fds(3), one descriptor, number 3. It is used as
 * it is: who can reach it is what the manager's unit says, and it stays when the agent ends.
 */
import {DekError} from '../../errors.js';
import {lstatNow} from '../../files/stat.js';
import {listeningPath} from '../host/ffi.js';

/** SD_LISTEN_FDS_START. */
const FIRST_FD = 3;

export interface PassedSocket {
  readonly fd: number;
  /** Where it was bound. */
  readonly path: string;
  /** The file that was there when it was passed. */
  readonly inode: bigint | undefined;
}

/**
 * The socket that was passed to this process, or undefined. Takes it out of the environment: a program that this
 * process starts has not got it. Throws BAD_INPUT when it is not one listening unix socket with a path.
 */
export function passedSocket(): PassedSocket | undefined {
  const {LISTEN_PID: pid, LISTEN_FDS: count} = process.env;
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete process.env[name];
  if (pid !== `${process.pid}` || count === undefined || count === '0') return undefined;
  const hint = 'the socket unit needs one ListenStream= with a path';
  if (count !== '1') throw new DekError('BAD_INPUT', `expected one passed socket, got ${count}`, {hint});
  const path = listeningPath(FIRST_FD);
  if (path === undefined) throw new DekError('BAD_INPUT', 'the passed socket is no listening unix socket', {hint});
  return {fd: FIRST_FD, path, inode: lstatNow(path)?.ino};
}

/** Whether clients still find it. */
export function isPassedSocketThere({path, inode}: PassedSocket): boolean {
  return lstatNow(path)?.ino === inode;
}

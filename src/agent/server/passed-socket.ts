/**
 * What a service manager passes on: sd_listen_fds(3). A socket that it has bound is used as it is: who can reach it is
 * what the manager's unit says, and it stays when the agent ends. What an agent before this one has had it keep has
 * names that the agent gave (store/).
 */
import {DekError} from '../../errors.js';
import {lstatNow} from '../../files/stat.js';
import {listeningPath, withCloseOnExec} from '../host/ffi.js';
import {isStored, type StoredDescriptor} from '../store/kept.js';

/** SD_LISTEN_FDS_START. */
const FIRST_FD = 3;

export interface PassedSocket {
  readonly fd: number;
  /** Where it was bound. */
  readonly path: string;
  /** The file that was there when it was passed. */
  readonly inode: bigint | undefined;
}

/** What the service manager passed to this process. */
export interface Passed {
  readonly socket: PassedSocket | undefined;
  /** What an agent before this one has had it keep. */
  readonly stored: readonly StoredDescriptor[];
}

/**
 * Takes what was passed out of the environment: a program that this process starts has not got it. Throws BAD_INPUT
 * when it has more than one listening unix socket with a path besides what is stored.
 */
export function passedDescriptors(): Passed {
  const {LISTEN_PID: pid, LISTEN_FDS: count = '0', LISTEN_FDNAMES: text = ''} = process.env;
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete process.env[name];
  if (pid !== `${process.pid}`) return {socket: undefined, stored: []};
  const names = text.split(':');
  const all = Array.from({length: Number(count) || 0}, (_, i) => ({name: names[i] ?? '', fd: FIRST_FD + i}));
  const stored = all.filter(({name}) => isStored(name)).map(({name, fd}) => ({name, fd: withCloseOnExec(fd)}));
  const sockets = all.filter(({name}) => !isStored(name));
  if (sockets.length === 0) return {socket: undefined, stored};
  const hint = 'the socket unit needs one ListenStream= with a path';
  if (sockets.length > 1) {
    throw new DekError('BAD_INPUT', `expected one passed socket, got ${sockets.length}`, {hint});
  }
  const {fd} = sockets[0]!;
  const path = listeningPath(fd);
  if (path === undefined) throw new DekError('BAD_INPUT', 'the passed socket is no listening unix socket', {hint});
  return {socket: {fd, path, inode: lstatNow(path)?.ino}, stored};
}

/** Whether clients still find it. */
export function isPassedSocketThere({path, inode}: PassedSocket): boolean {
  return lstatNow(path)?.ino === inode;
}

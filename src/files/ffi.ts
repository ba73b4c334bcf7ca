/** flock(2), fcntl(2) and socketpair(2), which Node does not have, through Koffi; loaded when the first is called. */
import {constants} from 'node:os';
import {DekError} from '../errors.js';
import {loadKoffi} from '../koffi.js';

const LOCK_EX = 2;
const LOCK_NB = 4;
const F_OFD_GETLK = 36;
const F_WRLCK = 1;
const F_UNLCK = 2;
/** Of struct flock on 64-bit Linux: l_type 0 (16 bits), l_whence 2, l_start 8, l_len 16, l_pid 24. */
const FLOCK_BYTES = 32;
const FLOCK_LEN = 16;

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;

interface Calls {
  socketpair(domain: number, type: number, protocol: number, fds: Int32Array): number;
  flock(fd: number, operation: number): number;
  fcntl(fd: number, command: number, lock: Uint8Array): number;
}

let calls: Calls | undefined;

/** Takes the exclusive lock of an open file; false when another process has it. It ends with the descriptor. */
export function tryLock(fd: number): boolean {
  calls ??= load();
  return calls.flock(fd, LOCK_EX | LOCK_NB) === 0;
}

/** Takes the lock if it can: false only where another open of the file has it, and not where there are no locks. */
export function tryLockIfAny(fd: number): boolean {
  return tryLock(fd) || loadKoffi().errno() !== constants.errno.EAGAIN;
}

/** Whether another open of the file has its first byte locked for writing. Takes no lock to find out. */
export function isLocked(fd: number): boolean {
  calls ??= load();
  const lock = Buffer.alloc(FLOCK_BYTES);
  lock.writeInt16LE(F_WRLCK, 0);
  lock.writeBigInt64LE(1n, FLOCK_LEN);
  return calls.fcntl(fd, F_OFD_GETLK, lock) === 0 && lock.readInt16LE(0) !== F_UNLCK;
}

/** Two connected stream sockets, in blocking mode, which no program that is started inherits by itself. */
export function socketPair(): [number, number] {
  calls ??= load();
  const fds = new Int32Array(new ArrayBuffer(8));
  if (calls.socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) !== 0) {
    throw new DekError('LIMIT', `socketpair failed with errno ${loadKoffi().errno()}`);
  }
  return [fds[0]!, fds[1]!];
}

function load(): Calls {
  const library = loadKoffi().load(null);
  return {
    socketpair: library.func('int socketpair(int domain, int type, int protocol, void *fds)'),
    flock: library.func('int flock(int fd, int operation)'),
    fcntl: library.func('int fcntl(int fd, int command, _Inout_ uint8_t *lock)'),
  };
}

/**
 * The C functions that the agent needs and Node does not have: peer credentials of a socket, no core dumps, free
 * memory. libc is the process's own; Koffi is loaded when the first call needs it.
 */
import {DekError} from '../../errors.js';
import {loadKoffi} from '../../koffi.js';

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const SO_ACCEPTCONN = 30;
const SO_PEERGROUPS = 59;
const AF_UNIX = 1;
/**
 * struct sockaddr_un of unix(7): a family of 2 bytes, then the path, which ends with a NUL unless it fills the rest.
 */
const SOCKADDR_UN_BYTES = 110;
const PR_SET_DUMPABLE = 4;
const RLIMIT_CORE = 4;
/** The kernel's NGROUPS_MAX. */
const MAX_GROUPS = 65_536;

interface Calls {
  getsockopt(fd: number, level: number, name: number, value: Uint32Array, length: number[]): number;
  getsockname(fd: number, address: Uint8Array, length: number[]): number;
  fcntl(fd: number, command: number, argument: number): number;
  prctl(option: number, a: number, b: number, c: number, d: number): number;
  setrlimit(resource: number, limit: BigUint64Array): number;
  _exit(status: number): void;
}

let loaded: Calls | undefined;

/** libc's. */
function calls(): Calls {
  loaded ??= load();
  return loaded;
}

function load(): Calls {
  const libc = loadKoffi().load(null);
  return {
    getsockopt: libc.func('int getsockopt(int fd, int level, int name, void *value, _Inout_ uint32_t *length)'),
    getsockname: libc.func('int getsockname(int fd, void *address, _Inout_ uint32_t *length)'),
    fcntl: libc.func('int fcntl(int fd, int command, int argument)'),
    prctl: libc.func('int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)'),
    setrlimit: libc.func('int setrlimit(int resource, void *limit)'),
    _exit: libc.func('void _exit(int status)'),
  };
}

/** Who is at the other end of a unix socket, as the kernel recorded at connect(2). */
export interface Peer {
  pid: number;
  uid: number;
  groups: number[];
}

/** socket(7): SO_PEERCRED gives struct ucred {pid, uid, gid}, SO_PEERGROUPS the supplementary groups. */
export function peerOf(fd: number): Peer {
  const [pid, uid, gid] = socketOption(fd, SO_PEERCRED, 3);
  return {pid: pid!, uid: uid!, groups: [gid!, ...socketOption(fd, SO_PEERGROUPS, MAX_GROUPS)]};
}

function socketOption(fd: number, name: number, words: number): Uint32Array {
  const value = new Uint32Array(words);
  const length = [value.byteLength];
  if (calls().getsockopt(fd, SOL_SOCKET, name, value, length) !== 0) throw failed('getsockopt');
  return value.subarray(0, length[0]! / 4);
}

const F_SETFD = 2;
const FD_CLOEXEC = 1;

/** The same descriptor, which no program that this process starts gets. */
export function withCloseOnExec(fd: number): number {
  calls().fcntl(fd, F_SETFD, FD_CLOEXEC);
  return fd;
}

/** The path to which a listening unix socket is bound; undefined for anything else, a closed descriptor included. */
export function listeningPath(fd: number): string | undefined {
  const accepts = new Uint32Array(1);
  if (calls().getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, accepts, [accepts.byteLength]) !== 0 || accepts[0] === 0)
    return undefined;
  const address = Buffer.alloc(SOCKADDR_UN_BYTES);
  const length = [address.length];
  if (calls().getsockname(fd, address, length) !== 0 || address.readUInt16LE(0) !== AF_UNIX) return undefined;
  const path = address.toString('utf8', 2, length[0]).replace(/\0.*$/s, '');
  return path === '' ? undefined : path;
}

/**
 * From here on this process leaves no core dump, and other processes of its user can neither trace it nor read its
 * memory: prctl(2), PR_SET_DUMPABLE. A program that it starts is not affected.
 */
export function forbidDumps(): void {
  if (calls().prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) !== 0) throw failed('prctl');
}

/** Sets RLIMIT_CORE to 0, for this process and for all that it starts. */
export function forbidCoreFiles(): void {
  if (calls().setrlimit(RLIMIT_CORE, new BigUint64Array(2)) !== 0) throw failed('setrlimit');
}

/** _exit(2): ends the process without waiting for its threads, one of which may hang in a call. */
export function exitNow(status: number): never {
  calls()._exit(status);
  throw new DekError('INTERNAL', '_exit returned');
}

/** malloc_trim(3): gives free memory back to the system. Nothing where libc has no such function. */
export function trimHeap(): void {
  let trim: (pad: number) => number;
  try {
    trim = loadKoffi().load(null).func('int malloc_trim(size_t pad)');
  } catch {
    return;
  }
  trim(0);
}

function failed(call: string): DekError {
  return new DekError('INTERNAL', `${call} failed with errno ${loadKoffi().errno()}`);
}

/**
 * The C functions for descriptors on their way between processes, which Node does not have: sendmsg(2) and recvmsg(2)
 * with SCM_RIGHTS, and sealed memory, memfd_create(2). libc is the process's own; loaded at the first call.
 */
import {closeSync, constants as fsConstants, ftruncateSync, readSync, writeSync} from 'node:fs';
import {constants} from 'node:os';
import {DekError} from '../../errors.js';
import {fstatNow} from '../../files/stat.js';
import {loadKoffi} from '../../koffi.js';
import {ProtocolFault} from './fault.js';

const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_CTRUNC = 0x8;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const F_GETFL = 3;
const F_SETFL = 4;
const {O_NONBLOCK} = fsConstants;
const F_ADD_SEALS = 1033;
const F_GET_SEALS = 1034;
const F_SEAL_SEAL = 1;
const F_SEAL_SHRINK = 2;
const F_SEAL_GROW = 4;
const F_SEAL_WRITE = 8;
const SEALS = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
/** Without these what was checked could change. */
const NEEDED_SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

/** A table of a million DEKs has 176 MiB. */
const MAX_SEALED_BYTES = 2 ** 28;

/** struct msghdr and struct cmsghdr on 64-bit Linux. */
const MSGHDR = {size: 56, iov: 16, iovlen: 24, control: 32, controllen: 40, flags: 48} as const;
const CMSGHDR = {size: 16, len: 0, level: 8, type: 12} as const;
/** Descriptors that one message may bring. */
const MOST_FDS = 4;
const CONTROL_BYTES = CMSGHDR.size + MOST_FDS * 4;

const {EAGAIN, EINTR} = constants.errno;

interface Calls {
  sendmsg(fd: number, message: Uint8Array, flags: number): number;
  recvmsg(fd: number, message: Uint8Array, flags: number): number;
  memfd_create(name: string, flags: number): number;
  fcntl(fd: number, command: number, argument: number): number;
  errno(): number;
  addressOf(bytes: Uint8Array): bigint;
}

let loaded: Calls | undefined;

function calls(): Calls {
  loaded ??= load();
  return loaded;
}

function load(): Calls {
  const koffi = loadKoffi();
  const libc = koffi.load(null);
  const pointer = koffi.pointer(koffi.opaque());
  return {
    sendmsg: libc.func('sendmsg', 'long', ['int', pointer, 'int']),
    recvmsg: libc.func('recvmsg', 'long', ['int', pointer, 'int']),
    memfd_create: libc.func('memfd_create', 'int', ['str', 'unsigned int']),
    fcntl: libc.func('fcntl', 'int', ['int', 'int', 'int']),
    errno: () => koffi.errno(),
    addressOf: (bytes) => koffi.address(bytes),
  };
}

/** Sends bytes, and descriptors with the first of them; how many bytes went, or a negative errno. Does not block. */
export function sendMessage(socket: number, bytes: Uint8Array, fds: readonly number[]): number {
  const {sendmsg, errno, addressOf} = calls();
  const control = new DataView(new ArrayBuffer(CONTROL_BYTES));
  control.setBigUint64(CMSGHDR.len, BigInt(CMSGHDR.size + 4 * fds.length), true);
  control.setInt32(CMSGHDR.level, SOL_SOCKET, true);
  control.setInt32(CMSGHDR.type, SCM_RIGHTS, true);
  for (const [i, fd] of fds.entries()) control.setInt32(CMSGHDR.size + 4 * i, fd, true);
  const {header, keep} = message(
    bytes,
    control,
    fds.length === 0 ? 0 : roundUp(CMSGHDR.size + 4 * fds.length),
    addressOf,
  );
  const sent = sendmsg(socket, header, MSG_DONTWAIT | MSG_NOSIGNAL);
  const result = sent < 0 ? -errno() : sent;
  keep.length = 0;
  return result;
}

/** What came: no bytes at the end of the connection. */
export interface Received {
  readonly bytes: Uint8Array;
  /** The receiver's to close. */
  readonly fds: readonly number[];
  /** More descriptors came than there is room for. */
  readonly isCut: boolean;
}

/** Receives up to `most` bytes; null when there is nothing yet, a negative errno. Does not block. */
export function receiveMessage(socket: number, most: number): Received | null | number {
  const {recvmsg, errno, addressOf} = calls();
  const bytes = new Uint8Array(new ArrayBuffer(most));
  const control = new DataView(new ArrayBuffer(CONTROL_BYTES));
  const {header, keep} = message(bytes, control, CONTROL_BYTES, addressOf);
  const got = recvmsg(socket, header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  const error = got < 0 ? errno() : 0;
  keep.length = 0;
  if (got < 0) return error === EAGAIN || error === EINTR ? null : -error;
  const view = new DataView(header.buffer);
  const fds: number[] = [];
  const length = Number(view.getBigUint64(MSGHDR.controllen, true));
  if (length >= CMSGHDR.size && control.getInt32(CMSGHDR.type, true) === SCM_RIGHTS) {
    const end = Math.min(Number(control.getBigUint64(CMSGHDR.len, true)), length);
    for (let at = CMSGHDR.size; at + 4 <= end; at += 4) fds.push(control.getInt32(at, true));
  }
  const isCut = (view.getInt32(MSGHDR.flags, true) & MSG_CTRUNC) !== 0;
  return {bytes: bytes.subarray(0, got), fds, isCut};
}

/** A struct msghdr; `keep` has what it points to. */
function message(
  bytes: Uint8Array,
  control: DataView,
  controlBytes: number,
  addressOf: (bytes: Uint8Array) => bigint,
): {header: Uint8Array; keep: unknown[]} {
  void bytes.buffer; // small ones lie in V8's heap, and move, until this is asked for
  const iov = new DataView(new ArrayBuffer(16));
  iov.setBigUint64(0, addressOf(bytes), true);
  iov.setBigUint64(8, BigInt(bytes.length), true);
  const header = new DataView(new ArrayBuffer(MSGHDR.size));
  header.setBigUint64(MSGHDR.iov, addressOf(new Uint8Array(iov.buffer)), true);
  header.setBigUint64(MSGHDR.iovlen, 1n, true);
  if (controlBytes > 0) {
    header.setBigUint64(MSGHDR.control, addressOf(new Uint8Array(control.buffer)), true);
    header.setBigUint64(MSGHDR.controllen, BigInt(controlBytes), true);
  }
  return {header: new Uint8Array(header.buffer), keep: [iov, bytes, control]};
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / 8) * 8;
}

/** A memory file with these bytes that nobody can change any more; the caller closes it. Throws LIMIT. */
export function sealedMemory(name: string, bytes: Uint8Array): number {
  const {memfd_create, fcntl, errno} = calls();
  const fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) throw new DekError('LIMIT', `memfd_create failed with errno ${errno()}`, {hint: 'raise ulimit -n'});
  try {
    ftruncateSync(fd, bytes.length);
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, at);
    if (fcntl(fd, F_ADD_SEALS, SEALS) !== 0) throw new DekError('IO', `F_ADD_SEALS failed with errno ${errno()}`);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** All of a memory file that nobody can change any more. Throws ProtocolFault. */
export function readSealed(fd: number): Buffer {
  const seals = calls().fcntl(fd, F_GET_SEALS, 0);
  if (seals < 0 || (seals & NEEDED_SEALS) !== NEEDED_SEALS) {
    throw new ProtocolFault('a table comes in sealed memory, and this is none');
  }
  const size = Number(fstatNow(fd).size);
  if (size > MAX_SEALED_BYTES) throw new ProtocolFault('a table that is too large');
  const bytes = Buffer.alloc(size);
  for (let at = 0, got = -1; at < size && got !== 0; at += got) got = readSync(fd, bytes, at, size - at, at);
  return bytes;
}

/**
 * Whether two descriptors are of one open file, and not of two opens of a file: the status flags belong to the open
 * file, and O_NONBLOCK means nothing to the device of a NIC. kcmp(2) would tell as well, where seccomp lets it.
 */
export function isSameOpenFile(a: number, b: number): boolean {
  const {fcntl} = calls();
  const flags = fcntl(a, F_GETFL, 0);
  if (flags < 0) return false;
  const agrees = (): boolean => ((fcntl(a, F_GETFL, 0) ^ fcntl(b, F_GETFL, 0)) & O_NONBLOCK) === 0;
  fcntl(a, F_SETFL, flags ^ O_NONBLOCK);
  const turned = agrees();
  fcntl(a, F_SETFL, flags);
  return turned && agrees();
}

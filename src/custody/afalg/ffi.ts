/**
 * Sockets of the kernel's crypto, af_alg (Documentation/crypto/userspace-if.rst), by Koffi: Node knows no such family.
 * Data goes to and from the caller's buffers, with no copy in this process.
 */
import {closeSync} from 'node:fs';
import {getSystemErrorName} from 'node:util';
import {loadKoffi} from '../../koffi.js';

const AF_ALG = 38;
const SOCK_SEQPACKET = 5;
const SOCK_CLOEXEC = 0o2000000;
const SOL_ALG = 279;
const ALG_SET_KEY = 1;
const ALG_SET_OP = 3;
const ALG_SET_KEY_BY_KEY_SERIAL = 7;

/** What is done to the blocks: ALG_OP_DECRYPT and ALG_OP_ENCRYPT. */
export const OPERATIONS = {decrypt: 0, encrypt: 1} as const;

/** struct sockaddr_alg: family 0 (16 bits), type 2 (14 bytes), feat 16, mask 20, name 24 (64 bytes). */
const ADDRESS = {bytes: 88, type: 2, name: 24} as const;
/** struct msghdr on 64-bit Linux: iov 16, iovlen 24, control 32, controllen 40. struct iovec: base 0, len 8. */
const MESSAGE = {bytes: 56, iov: 16, iovCount: 24, control: 32, controlBytes: 40} as const;
const IOVEC = {bytes: 16, base: 0, length: 8} as const;
/** struct cmsghdr: len 0 (64 bits), level 8, type 12, data 16; with what aligns the next one. */
const CONTROL = {bytes: 24, length: 20, level: 8, type: 12, data: 16} as const;

const EKEYS: Readonly<Record<number, string>> = {126: 'ENOKEY', 127: 'EKEYEXPIRED', 128: 'EKEYREVOKED'};

interface Calls {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, bytes: number): number;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array, bytes: number): number;
  accept4(fd: number, address: null, length: null, flags: number): number;
  sendmsg(fd: number, message: Uint8Array, flags: number): number;
  read(fd: number, buffer: Uint8Array, bytes: number): number;
}

let calls: Calls | undefined;

/** A call that failed, with the name of its errno. */
export class AlgError extends Error {
  readonly call: string;
  readonly errno: string;

  constructor(call: string, errno: string) {
    super(`${call}: ${errno}`);
    this.call = call;
    this.errno = errno;
  }
}

function call(name: keyof Calls, use: (calls: Calls) => number): number {
  calls ??= load();
  const result = use(calls);
  if (result >= 0) return result;
  const errno = loadKoffi().errno();
  throw new AlgError(name, EKEYS[errno] ?? getSystemErrorName(-errno));
}

/** A socket that is bound to an algorithm, such as `ecb(aes)` of the type `skcipher`. */
export function bound(type: string, name: string): number {
  const fd = call('socket', (c) => c.socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  const address = Buffer.alloc(ADDRESS.bytes);
  address.writeUInt16LE(AF_ALG);
  address.write(type, ADDRESS.type, 'latin1');
  address.write(name, ADDRESS.name, 'latin1');
  return orClosed(fd, () => {
    call('bind', (c) => c.bind(fd, address, address.length));
    return fd;
  });
}

/** Gives it a key of the kernel's rings by its number: the kernel reads it, and nobody else. */
export function setKeyBySerial(fd: number, serial: number): void {
  const value = Buffer.alloc(4);
  value.writeInt32LE(serial);
  call('setsockopt', (c) => c.setsockopt(fd, SOL_ALG, ALG_SET_KEY_BY_KEY_SERIAL, value, value.length));
}

/** Gives it a key of this process. */
export function setKey(fd: number, key: Uint8Array): void {
  call('setsockopt', (c) => c.setsockopt(fd, SOL_ALG, ALG_SET_KEY, key, key.length));
}

/** A socket for one operation after another with that key. */
export function accepted(fd: number): number {
  return call('accept4', (c) => c.accept4(fd, null, null, SOCK_CLOEXEC));
}

/** Runs `blocks` through the socket, in place: in memory whose pages the kernel can pin. */
export function transform(fd: number, operation: number, blocks: Uint8Array): void {
  const {message, keep} = messageOf(operation, blocks);
  const sent = call('sendmsg', (c) => c.sendmsg(fd, message, 0));
  const got = sent === blocks.length ? call('read', (c) => c.read(fd, blocks, blocks.length)) : sent;
  keep(); // the message has addresses of buffers that V8 must not have let go before
  if (got !== blocks.length) throw new AlgError('sendmsg', 'EIO');
}

function messageOf(operation: number, blocks: Uint8Array): {message: Uint8Array; keep(): void} {
  const address = (bytes: Uint8Array): bigint => loadKoffi().address(bytes);
  const control = fixedBytes(CONTROL.bytes);
  control.writeBigUInt64LE(BigInt(CONTROL.length));
  control.writeInt32LE(SOL_ALG, CONTROL.level);
  control.writeInt32LE(ALG_SET_OP, CONTROL.type);
  control.writeUInt32LE(operation, CONTROL.data);
  const iovec = fixedBytes(IOVEC.bytes);
  iovec.writeBigUInt64LE(address(blocks), IOVEC.base);
  iovec.writeBigUInt64LE(BigInt(blocks.length), IOVEC.length);
  const message = fixedBytes(MESSAGE.bytes);
  message.writeBigUInt64LE(address(iovec), MESSAGE.iov);
  message.writeBigUInt64LE(1n, MESSAGE.iovCount);
  message.writeBigUInt64LE(address(control), MESSAGE.control);
  message.writeBigUInt64LE(BigInt(control.length), MESSAGE.controlBytes);
  return {message, keep: () => void [control.length, iovec.length]};
}

/** Memory of its own, which stays where it is. */
function fixedBytes(bytes: number): Buffer {
  return Buffer.from(new ArrayBuffer(bytes));
}

function orClosed<T>(fd: number, use: () => T): T {
  try {
    return use();
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function load(): Calls {
  const libc = loadKoffi().load(null);
  return {
    socket: libc.func('int socket(int domain, int type, int protocol)'),
    bind: libc.func('int bind(int fd, const void *address, unsigned int bytes)'),
    setsockopt: libc.func('int setsockopt(int fd, int level, int name, const void *value, unsigned int bytes)'),
    accept4: libc.func('int accept4(int fd, void *address, void *length, int flags)'),
    sendmsg: libc.func('long sendmsg(int fd, const void *message, int flags)'),
    read: libc.func('long read(int fd, void *buffer, size_t bytes)'),
  };
}

/**
 * The system calls of the kernel's keyrings, add_key(2), request_key(2), keyctl(2), by syscall(2) of libc: without
 * libkeyutils, which is not everywhere. Keys go to and from the caller's buffers, with no copy on the way.
 */
import {getSystemErrorName} from 'node:util';
import {DekError} from '../../errors.js';
import {loadKoffi} from '../../koffi.js';

/** A key or a ring by its number. */
export type Serial = number & {readonly __c: 'key_serial_t'};

/** Rings that each process knows by these: keyutils.h. */
export const RINGS = {process: -2, session: -3, user: -4} as const;

/** Of the kernel's tables of system calls: asm/unistd.h. */
const NUMBERS: Readonly<Record<string, {add_key: number; request_key: number; keyctl: number}>> = {
  x64: {add_key: 248, request_key: 249, keyctl: 250},
  arm64: {add_key: 217, request_key: 218, keyctl: 219},
};
/** keyctl(2), the operations. */
const KEYCTL = {GET_KEYRING_ID: 0, LINK: 8, UNLINK: 9, SEARCH: 10, READ: 11, SET_TIMEOUT: 15} as const;

interface Calls {
  addKey(number: number, type: string, description: string, payload: Uint8Array, bytes: number, ring: number): number;
  requestKey(number: number, type: string, description: string, callout: null, ring: number): number;
  search(number: number, operation: number, ring: number, type: string, description: string, link: number): number;
  numbers(number: number, operation: number, a: number, b: number, c: number, d: number): number;
  read(number: number, operation: number, key: number, buffer: Uint8Array, bytes: number): number;
}

let calls: Calls | undefined;

function load(): Calls {
  const libc = loadKoffi().load(null);
  return {
    addKey: libc.func(
      'long syscall(long n, const char *type, const char *description, const void *payload, size_t bytes, long ring)',
    ),
    requestKey: libc.func('long syscall(long n, const char *type, const char *description, void *callout, long ring)'),
    search: libc.func('long syscall(long n, long op, long ring, const char *type, const char *description, long link)'),
    numbers: libc.func('long syscall(long n, long op, long a, long b, long c, long d)'),
    read: libc.func('long syscall(long n, long op, long key, void *buffer, size_t bytes)'),
  };
}

/** Of errno(3); libuv does not know them. */
const ERRNOS: Readonly<Record<number, string>> = {
  126: 'ENOKEY',
  127: 'EKEYEXPIRED',
  128: 'EKEYREVOKED',
  129: 'EKEYREJECTED',
};

/** A call that failed, with the name of its errno, such as `ENOKEY`. */
export class KeyringError extends Error {
  readonly errno: string;

  constructor(errno: string) {
    super(errno);
    this.errno = errno;
  }
}

function call(use: (calls: Calls, numbers: {add_key: number; request_key: number; keyctl: number}) => number): number {
  const numbers = NUMBERS[process.arch];
  if (!numbers) throw new DekError('UNSUPPORTED', `keyrings are not known on ${process.arch}`);
  calls ??= load();
  const result = use(calls, numbers);
  if (result >= 0) return result;
  const errno = loadKoffi().errno();
  throw new KeyringError(ERRNOS[errno] ?? getSystemErrorName(-errno));
}

/** Adds a key to a ring, or gives one of this type and description that is in it another payload. */
export function addKey(type: string, description: string, payload: Uint8Array, ring: number): Serial {
  return call((c, n) => c.addKey(n.add_key, type, description, payload, payload.length, ring)) as Serial;
}

/** The key that the rings of the thread, the process and the session have, in this order. */
export function requestKey(type: string, description: string): Serial {
  return call((c, n) => c.requestKey(n.request_key, type, description, null, 0)) as Serial;
}

/** The key that this ring, or a ring in it, has. */
export function searchRing(ring: number, type: string, description: string): Serial {
  return call((c, n) => c.search(n.keyctl, KEYCTL.SEARCH, ring, type, description, 0)) as Serial;
}

/** The number of a ring of `RINGS`; with `create` of one that can be added to, which may be a new one. */
export function ringId(ring: number, create: boolean): number {
  return call((c, n) => c.numbers(n.keyctl, KEYCTL.GET_KEYRING_ID, ring, create ? 1 : 0, 0, 0));
}

/** Puts a key or a ring into a ring. */
export function link(key: number, ring: number): void {
  call((c, n) => c.numbers(n.keyctl, KEYCTL.LINK, key, ring, 0, 0));
}

/** Takes it out again. */
export function unlink(key: number, ring: number): void {
  call((c, n) => c.numbers(n.keyctl, KEYCTL.UNLINK, key, ring, 0, 0));
}

/** From now on the key has so many seconds to live. */
export function setTimeoutOf(key: Serial, seconds: number): void {
  call((c, n) => c.numbers(n.keyctl, KEYCTL.SET_TIMEOUT, key, seconds, 0, 0));
}

/** Fills `buffer` with what the key holds; returns how many bytes that is, which may be more. */
export function readKey(key: Serial, buffer: Uint8Array): number {
  return call((c, n) => c.read(n.keyctl, KEYCTL.READ, key, buffer, buffer.length));
}

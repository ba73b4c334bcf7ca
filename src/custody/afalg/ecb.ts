/**
 * AES-ECB by the kernel's crypto, under a key that is in one of the kernel's rings: an engine for src/wrap, which then
 * wraps by RFC 3394 with a KEK that is not in this process. AF_ALG's own kw(aes) is no help: it keeps the first block
 * of the result to itself, and Linux 7 has it no more.
 */
import {closeSync} from 'node:fs';
import {scratchBytes, wipe} from '../../bytes.js';
import {DekError, type DekErrorCode} from '../../errors.js';
import type {AesEngine, BlockCipher} from '../../wrap/aes/cipher.js';
import {computesKnownAnswers} from '../../wrap/aes/engine.js';
import {meaningOf} from '../keyring/find.js';
import {AlgError, accepted, bound, OPERATIONS, setKey, setKeyBySerial, transform} from './ffi.js';

/** What one message carries: far less than a socket's buffer, since a message that does not fit would wait for ever. */
const MESSAGE_BYTES = 16 * 1024;
/** The kernel writes its answer into pages that it can pin, which those of memfd_secret(2) are not. */
const message = scratchBytes(MESSAGE_BYTES);

/** What else than the key may stand in the way, by call and errno. */
const MEANINGS: Readonly<Record<string, readonly [code: DekErrorCode, is: string, hint?: string]>> = {
  'socket EAFNOSUPPORT': [
    'UNSUPPORTED',
    'there is no AF_ALG here: the kernel was made without it, or a unit forbids it',
    'in a unit: RestrictAddressFamilies=AF_ALG, as contrib/systemd/afalg.conf has it; else another source',
  ],
  'socket EPERM': ['PERMISSION', 'AF_ALG is forbidden here', 'the filter of a container forbids its sockets'],
  'bind ENOENT': ['UNSUPPORTED', 'the kernel has no ecb(aes) for AF_ALG', 'modprobe algif_skcipher, as root'],
  'setsockopt ENOPROTOOPT': ['UNSUPPORTED', 'this kernel takes no key by its number: Linux 6.2 or later does'],
  'setsockopt EINVAL': ['BAD_INPUT', 'the key is none of AES: it has neither 16 nor 32 bytes'],
};

/**
 * The engine of the key with this number. A socket keeps its key when that was revoked or has expired since: so each
 * job has a socket of its own, which is closed at its end.
 */
export function ecbOfKey(serial: number, name: string): AesEngine {
  return engineOf((fd) => setKeyBySerial(fd, serial), name);
}

/** Throws UNSUPPORTED without it, SELFTEST_FAILED unless it computes the known answers, under keys of theirs. */
export function probeEcb(name: string): void {
  if (computesKnownAnswers(engineOf(setKey, name))) return;
  throw new DekError('SELFTEST_FAILED', `${name}: the AES of this kernel does not compute the known answers`);
}

function engineOf(giveKey: (fd: number, kek: Uint8Array) => void, name: string): AesEngine {
  const withSocket = <T>(operation: number, kek: Uint8Array, use: (cipher: BlockCipher) => T): T =>
    explained(name, () => {
      const fds: number[] = [];
      try {
        const algorithm = opened(fds, bound('skcipher', 'ecb(aes)'));
        giveKey(algorithm, kek);
        const socket = opened(fds, accepted(algorithm));
        return use((blocks) => {
          for (let at = 0; at < blocks.length; at += MESSAGE_BYTES) {
            const some = blocks.subarray(at, at + MESSAGE_BYTES);
            message.set(some);
            transform(socket, operation, message.subarray(0, some.length));
            some.set(message.subarray(0, some.length));
          }
        });
      } finally {
        wipe(message);
        for (const fd of fds) closeSync(fd);
      }
    });
  return {
    name: 'libcrypto',
    encrypt: (kek, use) => withSocket(OPERATIONS.encrypt, kek, use),
    decrypt: (kek, use) => withSocket(OPERATIONS.decrypt, kek, use),
  };
}

function opened(fds: number[], fd: number): number {
  fds.push(fd);
  return fd;
}

function explained<T>(name: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof AlgError)) throw error;
    const {call, errno} = error;
    const [code, is, hint] = MEANINGS[`${call} ${errno}`] ?? meaningOf(errno);
    throw new DekError(code, `${name}: ${is}`, {hint, errno, cause: error});
  }
}

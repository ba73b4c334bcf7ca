/**
 * From now on this process keeps its secrets as well as the system allows: single ones in memory of their own, columns
 * of keys in locked pages up to the limit, and none in a core dump.
 */
import {giveSecretBytes, ordinaryBytes} from '../bytes.js';
import {DekError} from '../errors.js';
import {lockedBytes, MAX_LOCKED_BYTES} from './arena.js';
import {excludeFromCoreDump} from './core-dump.js';
import {lockLimit, lockPages} from './ffi.js';

let isProtected = false;

/** Call it before the first secret byte is read. A second call does nothing. */
export function protectSecrets(): void {
  if (isProtected) return;
  isProtected = true;
  excludeFromCoreDump();
  lockSecrets();
}

/** Whether that was called. */
export function isProtecting(): boolean {
  return isProtected;
}

/** The same but for core dumps: for a thread of a process that is protected, and a process that leaves none at all. */
export function lockSecrets(): void {
  giveSecretBytes((length) => {
    if (length <= MAX_LOCKED_BYTES) return lockedBytes(length);
    const bytes = ordinaryBytes(length);
    lock(bytes);
    return bytes;
  }, lock);
}

/** How many bytes may be locked in all; Infinity: as many as there are. */
export function lockableBytes(): number {
  return withKoffi(lockLimit) ?? 0;
}

/** As far as the limit goes: what is beyond it is wiped all the same. */
function lock(bytes: Uint8Array): void {
  withKoffi(() => lockPages(bytes));
}

/** Without Koffi the engine of last resort works all the same, in ordinary memory. */
function withKoffi<T>(use: () => T): T | undefined {
  try {
    return use();
  } catch (error) {
    if (error instanceof DekError && error.code === 'NO_LIBRARY') return undefined;
    throw error;
  }
}

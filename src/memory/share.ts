/** A secret that several threads of this process use: one copy of it, where the arena has room for it. */
import {secretBytes} from '../bytes.js';
import {addressOf, lockedCopy} from './arena.js';
import {type Address, viewAt} from './ffi.js';

/** What another thread is told, by a message. */
export type SharedSecret = {readonly address: Address; readonly length: number} | {readonly memory: Uint8Array};

/** A copy of `secret` that others can open as long as this thread keeps `bytes`, which it wipes. */
export function shareSecret(secret: Uint8Array): {bytes: Uint8Array; shared: SharedSecret} {
  const locked = lockedCopy(secret);
  const address = addressOf(locked);
  if (address !== undefined) return {bytes: locked, shared: {address, length: locked.length}};
  const memory = new Uint8Array(new SharedArrayBuffer(secret.length));
  memory.set(secret);
  locked.fill(0);
  return {bytes: memory, shared: {memory}};
}

/** A copy of it for this thread, which wipes it. */
export function openShared(shared: SharedSecret): Uint8Array {
  const theirs = 'memory' in shared ? shared.memory : viewAt(shared.address, shared.length);
  const copy = secretBytes(theirs.length);
  copy.set(theirs);
  return copy;
}

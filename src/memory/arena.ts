/**
 * Small secrets in memory of their own, mapSecret's. A secret has a slot as long as anything refers to its bytes: when
 * the garbage collector has found that nothing does, the slot is wiped, and free for the next.
 */
import {ordinaryBytes} from '../bytes.js';
import {DekError} from '../errors.js';
import {type Address, type Keeping, mapSecret, viewAt} from './ffi.js';

const BLOCK_BYTES = 65_536;
/** Slots have powers of two of bytes, from the length of a cache line on. */
const MIN_SLOT_BYTES = 64;
/** What is longer is no single secret. */
export const MAX_LOCKED_BYTES = 16_384;

interface Slot {
  readonly address: Address;
  readonly bytes: number;
}

/** Free slots by their length. */
const free = new Map<number, Slot[]>();
const addresses = new WeakMap<ArrayBufferLike, Address>();
const used = new FinalizationRegistry<Slot>((slot) => {
  viewAt(slot.address, slot.bytes).fill(0);
  slotsOf(slot.bytes).push(slot);
});
let rest: Slot | undefined;
let keeping: Keeping | undefined;
/** There is no Koffi here: to look for it takes longer each time than all else. */
let isWithout = false;
/** From the least to the best. */
const KEEPINGS: readonly Keeping[] = ['none', 'mlock2', 'memfd_secret'];

/** How secrets are kept here: the least that any of them has had to do with. */
export function secretKeeping(): Keeping {
  lockedBytes(MIN_SLOT_BYTES);
  return keeping!;
}

/**
 * A zeroed buffer for a secret, locked, left out of dumps and forks where the system allows it. The caller wipes it. It
 * cannot be moved to another thread.
 */
export function lockedBytes(length: number): Uint8Array {
  if (length === 0 || length > MAX_LOCKED_BYTES) return ordinaryBytes(length);
  const slot = takeSlot(2 ** Math.ceil(Math.log2(Math.max(length, MIN_SLOT_BYTES))));
  if (slot === undefined) return ordinaryBytes(length);
  const bytes = viewAt(slot.address, length);
  used.register(bytes.buffer, slot);
  addresses.set(bytes.buffer, slot.address);
  return bytes;
}

/** A copy of a secret in such a buffer. */
export function lockedCopy(secret: Uint8Array): Uint8Array {
  const copy = lockedBytes(secret.length);
  copy.set(secret);
  return copy;
}

/** Whether such a buffer's memory is this. */
export function isLocked(buffer: ArrayBufferLike): boolean {
  return addresses.has(buffer);
}

/** Where such a buffer lies, for another thread of this process; undefined for any other. */
export function addressOf(bytes: Uint8Array): Address | undefined {
  return addresses.get(bytes.buffer);
}

function takeSlot(bytes: number): Slot | undefined {
  const again = slotsOf(bytes).pop();
  if (again) return again;
  if (rest === undefined || rest.bytes < bytes) rest = newBlock();
  if (rest === undefined) return undefined;
  const slot = {address: rest.address, bytes};
  rest = {address: (rest.address + BigInt(bytes)) as Address, bytes: rest.bytes - bytes};
  return slot;
}

function newBlock(): Slot | undefined {
  let block: ReturnType<typeof mapSecret>;
  try {
    if (!isWithout) block = mapSecret(BLOCK_BYTES);
  } catch (error) {
    // Without Koffi the engine of last resort works all the same.
    if (!(error instanceof DekError) || error.code !== 'NO_LIBRARY') throw error;
    isWithout = true;
  }
  const found = block?.keeping ?? 'none';
  if (keeping === undefined || KEEPINGS.indexOf(found) < KEEPINGS.indexOf(keeping)) keeping = found;
  return block && {address: block.address, bytes: BLOCK_BYTES};
}

function slotsOf(bytes: number): Slot[] {
  const slots = free.get(bytes) ?? [];
  free.set(bytes, slots);
  return slots;
}

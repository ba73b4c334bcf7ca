/**
 * The DEKs of a context: where libmlx5 keeps each, and which calls are under way. In typed arrays, because a process
 * holds a hundred thousand: 9 bytes a DEK here, instead of 70 as a BigInt in an object in a Set.
 */
import type {DekPtr} from '../ffi.js';

/** In `#calls`: the DEK is being destroyed. Smaller numbers count queries. */
const DESTROYING = 255;

export class DekTable {
  /** 0 where there is no DEK. */
  #pointers = new BigUint64Array(64);
  #calls = new Uint8Array(64);
  /** Slots below `#top` to be used again. */
  readonly #free: number[] = [];
  #top = 0;
  /** Is told of each DEK that is added. */
  added: ((pointer: DekPtr) => void) | undefined;

  /** Returns the slot that is the DEK's until `remove`. */
  add(pointer: DekPtr): number {
    const slot = this.#free.pop() ?? this.#top++;
    if (slot === this.#pointers.length) this.#grow();
    this.#pointers[slot] = pointer;
    this.added?.(pointer);
    return slot;
  }

  /** null when the DEK was destroyed without its handle, by `forget`. */
  pointer(slot: number): DekPtr | null {
    return (this.#pointers[slot] || null) as DekPtr | null;
  }

  /** Gives the slot back. */
  remove(slot: number): void {
    this.forget(slot);
    this.#free.push(slot);
  }

  /** The DEK is gone, but its handle does not know: the slot stays taken. */
  forget(slot: number): void {
    this.#pointers[slot] = 0n;
    this.#calls[slot] = 0;
  }

  /** The slots with a DEK. */
  slots(): number[] {
    const slots: number[] = [];
    for (let slot = 0; slot < this.#top; slot++) if (this.#pointers[slot] !== 0n) slots.push(slot);
    return slots;
  }

  /** Whether the DEK may be queried now, together with the queries that are under way. Then counts one more. */
  startQuery(slot: number): boolean {
    if (this.#calls[slot]! >= DESTROYING - 1) return false;
    this.#calls[slot]!++;
    return true;
  }

  endQuery(slot: number): void {
    this.#calls[slot]!--;
  }

  /** Whether the DEK may be destroyed now: not while another call would find it gone. */
  startDestroy(slot: number): boolean {
    if (this.#calls[slot] !== 0) return false;
    this.#calls[slot] = DESTROYING;
    return true;
  }

  /** After a destroy that failed. */
  endDestroy(slot: number): void {
    this.#calls[slot] = 0;
  }

  #grow(): void {
    const [pointers, calls] = [this.#pointers, this.#calls];
    this.#pointers = new BigUint64Array(pointers.length * 2);
    this.#pointers.set(pointers);
    this.#calls = new Uint8Array(calls.length * 2);
    this.#calls.set(calls);
  }
}

/**
 * What one passage at a time needs beside the queues: two memory keys, and where the ciphertext and what comes back
 * lie.
 */
import type {PdPtr} from '../ffi.js';
import type {Steps} from '../steps.js';
import {Mkey} from './mkey.js';
import type {Mr} from './mr.js';
import type {Memory} from './work-requests.js';

/** Of two data units. */
export const PASSAGE_BYTES = 1024;

/**
 * What is in memory before the NIC writes: neither ciphertext nor zeros, so that nothing written is not taken for
 * either.
 */
const UNTOUCHED = 0xa5;

export class Lane {
  readonly out: Mkey;
  readonly back: Mkey;
  readonly #mr: Mr;
  readonly #at: number;

  private constructor(out: Mkey, back: Mkey, mr: Mr, at: number) {
    this.out = out;
    this.back = back;
    this.#mr = mr;
    this.#at = at;
  }

  /** Its bytes of `mr` begin behind the zeros that all lanes share. Throws what the NIC's refusal means. */
  static *create(pd: PdPtr, mr: Mr, number: number, device: string): Steps<Lane> {
    const out = yield* Mkey.create(pd, device);
    try {
      return new Lane(out, yield* Mkey.create(pd, device), mr, PASSAGE_BYTES * (1 + 2 * number));
    } catch (error) {
      yield* out.close();
      throw error;
    }
  }

  /** Bytes of memory for so many lanes, with the zeros. */
  static bytes(lanes: number): number {
    return PASSAGE_BYTES * (1 + 2 * lanes);
  }

  zeros(length: number): Memory {
    return {key: this.#mr.lkey, address: this.#mr.address, length};
  }

  /** Where ciphertext is read from on its way back. */
  ciphertext(length: number): Memory {
    return {key: this.#mr.lkey, address: this.#mr.address + BigInt(this.#at), length};
  }

  /** The same as the NIC's peer, itself, knows it. */
  toCiphertext(length: number): Memory {
    return {...this.ciphertext(length), key: this.#mr.rkey};
  }

  toReturned(length: number): Memory {
    return {key: this.#mr.rkey, address: this.#mr.address + BigInt(this.#at + PASSAGE_BYTES), length};
  }

  clear(): void {
    this.#mr.bytes.fill(UNTOUCHED, this.#at, this.#at + 2 * PASSAGE_BYTES);
  }

  /** A copy of the ciphertext, and whether what came back is the zeros that went out. */
  take(length: number): {ciphertext: Uint8Array; isWhole: boolean} {
    const returned = this.#mr.bytes.subarray(this.#at + PASSAGE_BYTES, this.#at + PASSAGE_BYTES + length);
    return {
      ciphertext: this.#mr.bytes.slice(this.#at, this.#at + length),
      isWhole: returned.every((byte) => byte === 0),
    };
  }

  *close(): Steps<void> {
    yield* this.out.close();
    yield* this.back.close();
  }
}

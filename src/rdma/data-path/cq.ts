/** A completion queue, ibv_create_cq(3): it tells which work requests are done. Left out: events, it is polled. */

import type {ContextPtr} from '../ffi.js';
import {callFailed} from '../refusal/errno.js';
import {call, type Steps} from '../steps.js';
import {IBV_WC} from './c-layout.js';
import {type CqPtr, dataPath} from './ffi.js';

/** Completions that are taken at a time. */
const BATCH = 32;

export class Cq {
  readonly ptr: CqPtr;
  readonly #device: string;
  readonly #poll: (cq: CqPtr, entries: number, wc: Uint8Array) => number;
  readonly #completions = new Uint8Array(new ArrayBuffer(BATCH * IBV_WC.size));
  readonly #view = new DataView(this.#completions.buffer);

  private constructor(context: ContextPtr, ptr: CqPtr, device: string) {
    this.ptr = ptr;
    this.#device = device;
    this.#poll = dataPath().pollerOf(context);
  }

  /** With room for `entries` completions. Throws what the NIC's refusal means. */
  static *create(context: ContextPtr, entries: number, device: string): Steps<Cq> {
    const {result: ptr, errno} = yield* call(dataPath().ibv_create_cq, context, entries, null, null, 0);
    if (ptr === null) throw callFailed('cq', errno, {device});
    return new Cq(context, ptr, device);
  }

  /**
   * Calls `each`, which must not throw, for every work request that is done by now: its id, and an `enum
   * ibv_wc_status`.
   */
  poll(each: (id: number, status: number) => void): void {
    for (;;) {
      const count = this.#poll(this.ptr, BATCH, this.#completions);
      if (count < 0) throw callFailed('poll', -count, {device: this.#device});
      for (let at = 0; at < count * IBV_WC.size; at += IBV_WC.size) {
        // The high half of an id is never used.
        each(this.#view.getUint32(at + IBV_WC.wr_id, true), this.#view.getUint32(at + IBV_WC.status, true));
      }
      if (count < BATCH) return;
    }
  }

  /** After its QPs. A refusal changes nothing: the close of the context frees it. */
  *close(): Steps<void> {
    yield* call(dataPath().ibv_destroy_cq, this.ptr);
  }
}

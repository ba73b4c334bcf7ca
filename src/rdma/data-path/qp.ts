/**
 * A queue pair of type RC for the work requests of a proof: they lay out memory keys, and RDMA WRITE from them. It is
 * made in RESET, and connected with itself by force-loopback.ts or own-address.ts. Left out: receives.
 */

import type {ContextPtr, PdPtr} from '../ffi.js';
import {callFailed} from '../refusal/errno.js';
import {call, type Steps} from '../steps.js';
import {C, IBV_QP_INIT_ATTR_EX as INIT_ATTR, MLX5DV_QP_INIT_ATTR} from './c-layout.js';
import type {Cq} from './cq.js';
import {dataPath, type QpPtr} from './ffi.js';
import {WorkRequests} from './work-requests.js';

/** Bytes of a work request that lays a key out stand in it inline. */
const INLINE_BYTES = 512;

export class Qp {
  readonly ptr: QpPtr;
  readonly number: number;
  readonly #device: string;
  #requests: WorkRequests | undefined;

  private constructor(ptr: QpPtr, device: string) {
    this.ptr = ptr;
    this.#device = device;
    this.number = dataPath().qpNumber(ptr);
  }

  /** With room for `entries` work requests. Throws what the NIC's refusal means. */
  static *create(context: ContextPtr, pd: PdPtr, cq: Cq, entries: number, device: string): Steps<Qp> {
    const attr = new DataView(new ArrayBuffer(INIT_ATTR.size));
    attr.setBigUint64(INIT_ATTR.send_cq, cq.ptr, true);
    attr.setBigUint64(INIT_ATTR.recv_cq, cq.ptr, true);
    attr.setUint32(INIT_ATTR['cap.max_send_wr'], entries, true);
    attr.setUint32(INIT_ATTR['cap.max_recv_wr'], 1, true);
    attr.setUint32(INIT_ATTR['cap.max_send_sge'], 1, true);
    attr.setUint32(INIT_ATTR['cap.max_recv_sge'], 1, true);
    attr.setUint32(INIT_ATTR['cap.max_inline_data'], INLINE_BYTES, true);
    attr.setUint32(INIT_ATTR.qp_type, C.IBV_QPT_RC, true);
    attr.setUint32(INIT_ATTR.comp_mask, C.IBV_QP_INIT_ATTR_PD | C.IBV_QP_INIT_ATTR_SEND_OPS_FLAGS, true);
    attr.setBigUint64(INIT_ATTR.pd, pd, true);
    attr.setBigUint64(INIT_ATTR.send_ops_flags, BigInt(C.IBV_QP_EX_WITH_RDMA_WRITE), true);
    const driver = new DataView(new ArrayBuffer(MLX5DV_QP_INIT_ATTR.size));
    const mask = BigInt(C.MLX5DV_QP_INIT_ATTR_MASK_SEND_OPS_FLAGS);
    driver.setBigUint64(MLX5DV_QP_INIT_ATTR.comp_mask, mask, true);
    const operations = BigInt(C.MLX5DV_QP_EX_WITH_MKEY_CONFIGURE);
    driver.setBigUint64(MLX5DV_QP_INIT_ATTR.send_ops_flags, operations, true);
    const bytes = [new Uint8Array(attr.buffer), new Uint8Array(driver.buffer)] as const;
    const {result: ptr, errno} = yield* call(dataPath().mlx5dv_create_qp, context, ...bytes);
    if (ptr === null) throw callFailed('qp', errno, {device});
    return new Qp(ptr, device);
  }

  /**
   * Posts the work requests that `build` gives, all or none. Between its first and its last line libmlx5 holds a lock:
   * `build` waits for nothing, and what it throws takes all back. In RTS; throws what the refusal means.
   */
  post(build: (requests: WorkRequests) => void): void {
    // Not before: libmlx5 puts other functions there in RTS.
    this.#requests ??= new WorkRequests(dataPath().workRequestsOf(this.ptr));
    const errno = this.#requests.post(build);
    if (errno !== 0) throw callFailed('post', errno, {device: this.#device});
  }

  /** A refusal changes nothing: the close of the context frees it. */
  *close(): Steps<void> {
    yield* call(dataPath().ibv_destroy_qp, this.ptr);
  }
}

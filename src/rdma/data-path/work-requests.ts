/**
 * Work requests, ibv_wr_post(3) and mlx5dv_wr_post(3): to lay out a memory key with a DEK, and to write through one.
 */

import type {DekPtr} from '../ffi.js';
import {C, MLX5DV_CRYPTO_ATTR as CRYPTO, IBV_SGE, MLX5DV_MKEY_CONF_ATTR} from './c-layout.js';
import type {WorkRequestCalls} from './ffi.js';
import type {Mkey} from './mkey.js';

/** Access, layout, crypto. */
const SETTERS = 3;

/** Memory that was registered. */
export interface Memory {
  readonly key: number;
  readonly address: bigint;
  readonly length: number;
}

/** How data passes a memory key. */
export interface Cipher {
  readonly dek: DekPtr;
  /** 16 bytes, of the first data unit of 512 bytes. */
  readonly tweak: Uint8Array;
  /** 8 bytes; zeros for a DEK without one. */
  readonly keytag: Uint8Array;
  /** Plaintext lies in memory, ciphertext leaves it; else the other way round. */
  readonly encrypts: boolean;
}

export class WorkRequests {
  readonly #calls: WorkRequestCalls;
  readonly #conf = new Uint8Array(new ArrayBuffer(MLX5DV_MKEY_CONF_ATTR.size));
  readonly #sge = new DataView(new ArrayBuffer(IBV_SGE.size));
  readonly #sgeBytes = new Uint8Array(this.#sge.buffer);
  readonly #crypto = new DataView(new ArrayBuffer(CRYPTO.size));
  readonly #cryptoBytes = new Uint8Array(this.#crypto.buffer);

  constructor(calls: WorkRequestCalls) {
    this.#calls = calls;
    this.#crypto.setUint32(CRYPTO.crypto_standard, C.MLX5DV_CRYPTO_STANDARD_AES_XTS, true);
    const order = C.MLX5DV_SIGNATURE_CRYPTO_ORDER_SIGNATURE_BEFORE_CRYPTO_ON_TX;
    this.#crypto.setUint32(CRYPTO.signature_crypto_order, order, true);
    this.#crypto.setUint32(CRYPTO.data_unit_size, C.MLX5DV_BLOCK_SIZE_512, true);
  }

  /**
   * Posts what `build` gives: 0, or an errno and nothing was posted. What `build` throws is thrown, and nothing was
   * posted.
   */
  post(build: (requests: WorkRequests) => void): number {
    this.#calls.wr_start();
    try {
      build(this);
    } catch (error) {
      this.#calls.wr_abort();
      throw error;
    }
    return this.#calls.wr_complete();
  }

  /** Lays `mkey` out over `memory`, from address 0 of the key on. Completes without a word when it was done. */
  layOut(id: number, mkey: Mkey, memory: Memory, {dek, tweak, keytag, encrypts}: Cipher): void {
    this.#setSge(memory);
    this.#crypto.setUint8(CRYPTO.encrypt_on_tx, encrypts ? 1 : 0);
    this.#crypto.setBigUint64(CRYPTO.dek, dek, true);
    this.#cryptoBytes.set(tweak, CRYPTO.initial_tweak);
    this.#cryptoBytes.set(keytag, CRYPTO.keytag);
    const calls = this.#calls;
    calls.setIdAndFlags(id, C.IBV_SEND_INLINE);
    calls.wr_mkey_configure(mkey.ptr, SETTERS, this.#conf);
    calls.wr_set_mkey_access_flags(C.IBV_ACCESS_LOCAL_WRITE);
    calls.wr_set_mkey_layout_list(1, this.#sgeBytes);
    calls.wr_set_mkey_crypto(this.#cryptoBytes);
  }

  /** RDMA WRITE of all of `to.length`, from address 0 of `mkey`. */
  write(id: number, mkey: Mkey, to: Memory): void {
    const calls = this.#calls;
    calls.setIdAndFlags(id, C.IBV_SEND_SIGNALED);
    calls.wr_rdma_write(to.key, to.address);
    calls.wr_set_sge(mkey.lkey, 0n, to.length);
  }

  #setSge({key, address, length}: Memory): void {
    this.#sge.setBigUint64(IBV_SGE.addr, address, true);
    this.#sge.setUint32(IBV_SGE.length, length, true);
    this.#sge.setUint32(IBV_SGE.lkey, key, true);
  }
}

/** A memory key whose data passes the AES-XTS engine, mlx5dv_create_mkey(3). A work request lays it out. */

import type {PdPtr} from '../ffi.js';
import {callFailed} from '../refusal/errno.js';
import {call, type Steps} from '../steps.js';
import {C, MLX5DV_MKEY_INIT_ATTR as INIT_ATTR} from './c-layout.js';
import {dataPath, type MkeyPtr} from './ffi.js';

const FLAGS = C.MLX5DV_MKEY_INIT_ATTR_FLAGS_INDIRECT | C.MLX5DV_MKEY_INIT_ATTR_FLAGS_CRYPTO;

export class Mkey {
  readonly ptr: MkeyPtr;
  readonly lkey: number;

  private constructor(ptr: MkeyPtr) {
    this.ptr = ptr;
    this.lkey = dataPath().mkeyKey(ptr);
  }

  /** For a layout of one piece of memory. Throws what the NIC's refusal means. */
  static *create(pd: PdPtr, device: string): Steps<Mkey> {
    const attr = new Uint8Array(new ArrayBuffer(INIT_ATTR.size));
    const view = new DataView(attr.buffer);
    view.setBigUint64(INIT_ATTR.pd, pd, true);
    view.setUint32(INIT_ATTR.create_flags, FLAGS, true);
    view.setUint16(INIT_ATTR.max_entries, 1, true);
    const {result: ptr, errno} = yield* call(dataPath().mlx5dv_create_mkey, attr);
    if (ptr === null) throw callFailed('mkey', errno, {device});
    return new Mkey(ptr);
  }

  /** A refusal changes nothing: the close of the context frees it. */
  *close(): Steps<void> {
    yield* call(dataPath().mlx5dv_destroy_mkey, this.ptr);
  }
}

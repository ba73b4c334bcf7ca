/** Memory that the NIC may read and write, ibv_reg_mr(3): pages that hold nothing else. */

import type {Library, PdPtr} from '../ffi.js';
import {callFailed} from '../refusal/errno.js';
import {call, type Steps} from '../steps.js';
import {C} from './c-layout.js';
import {dataPath, type MrPtr} from './ffi.js';

const PAGE = 4096;

/** What the NIC would not let go of stays where it is until the process ends. */
const undying: Uint8Array[] = [];

export class Mr {
  readonly bytes: Uint8Array;
  /** Where `bytes` lie. */
  readonly address: bigint;
  readonly lkey: number;
  readonly rkey: number;
  readonly ptr: MrPtr;

  private constructor(bytes: Uint8Array, address: bigint, ptr: MrPtr) {
    this.bytes = bytes;
    this.address = address;
    this.ptr = ptr;
    const {lkey, rkey} = dataPath().mrKeys(ptr);
    this.lkey = lkey;
    this.rkey = rkey;
  }

  /** Throws what the refusal means, LIMIT when no more memory may be locked. */
  static *register(lib: Library, pd: PdPtr, length: number, device: string): Steps<Mr> {
    const room = Math.ceil(length / PAGE) * PAGE;
    const buffer = new ArrayBuffer(room + PAGE);
    const skipped = Number(-lib.addressOf(new Uint8Array(buffer)) & BigInt(PAGE - 1));
    const bytes = new Uint8Array(buffer, skipped, length);
    const access = C.IBV_ACCESS_LOCAL_WRITE | C.IBV_ACCESS_REMOTE_WRITE;
    const {result: ptr, errno} = yield* call(dataPath().ibv_reg_mr, pd, bytes, length, access);
    if (ptr === null) throw callFailed('mr', errno, {device});
    return new Mr(bytes, lib.addressOf(bytes), ptr);
  }

  *close(): Steps<void> {
    const {result: errno} = yield* call(dataPath().ibv_dereg_mr, this.ptr);
    if (errno !== 0) undying.push(this.bytes);
  }
}

/** Memory that the NIC may read and write, ibv_reg_mr(3): pages that hold nothing else. */

import type {Library, PdPtr} from '../ffi.js';
import {callFailed} from '../refusal/errno.js';
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

  /** Throws what the refusal means, LIMIT when no more memory may be locked. */
  constructor(lib: Library, pd: PdPtr, length: number, device: string) {
    const room = Math.ceil(length / PAGE) * PAGE;
    const buffer = new ArrayBuffer(room + PAGE);
    const skipped = Number(-lib.addressOf(new Uint8Array(buffer)) & BigInt(PAGE - 1));
    this.bytes = new Uint8Array(buffer, skipped, length);
    this.address = lib.addressOf(this.bytes);
    const verbs = dataPath();
    const access = C.IBV_ACCESS_LOCAL_WRITE | C.IBV_ACCESS_REMOTE_WRITE;
    const ptr = verbs.ibv_reg_mr(pd, this.bytes, length, access);
    if (ptr === null) throw callFailed('mr', lib.errno(), {device});
    this.ptr = ptr;
    const {lkey, rkey} = verbs.mrKeys(ptr);
    this.lkey = lkey;
    this.rkey = rkey;
  }

  close(): void {
    if (dataPath().ibv_dereg_mr(this.ptr) !== 0) undying.push(this.bytes);
  }
}

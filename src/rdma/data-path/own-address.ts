/**
 * The other way to connect a QP with itself: by the NIC's own address, ibv_modify_qp(3). The port has to be up, with
 * RoCE or IB.
 */
import {callFailed} from '../refusal/errno.js';
import {call, type Steps} from '../steps.js';
import {IBV_QP_ATTR as ATTR, C} from './c-layout.js';
import {dataPath} from './ffi.js';
import {type OwnAddress, PORT} from './port.js';
import type {Qp} from './qp.js';

const HOP_LIMIT = 64;

const TO_INIT = C.IBV_QP_STATE | C.IBV_QP_PKEY_INDEX | C.IBV_QP_PORT | C.IBV_QP_ACCESS_FLAGS;
const TO_RTR =
  C.IBV_QP_STATE |
  C.IBV_QP_AV |
  C.IBV_QP_PATH_MTU |
  C.IBV_QP_DEST_QPN |
  C.IBV_QP_RQ_PSN |
  C.IBV_QP_MAX_DEST_RD_ATOMIC |
  C.IBV_QP_MIN_RNR_TIMER;
const TO_RTS =
  C.IBV_QP_STATE |
  C.IBV_QP_TIMEOUT |
  C.IBV_QP_RETRY_CNT |
  C.IBV_QP_RNR_RETRY |
  C.IBV_QP_SQ_PSN |
  C.IBV_QP_MAX_QP_RD_ATOMIC;

/** A QP in RESET, or INIT, is in RTS then. Throws what the refusal means. */
export function* connectByAddress(qp: Qp, address: OwnAddress, device: string): Steps<void> {
  const attr = new DataView(new ArrayBuffer(ATTR.size));
  const bytes = new Uint8Array(attr.buffer);
  const modify = function* (state: number, mask: number): Steps<void> {
    attr.setUint32(ATTR.qp_state, state, true);
    const {result: errno} = yield* call(dataPath().ibv_modify_qp, qp.ptr, bytes, mask);
    if (errno !== 0) throw callFailed('connect', errno, {device});
  };
  attr.setUint32(ATTR.qp_access_flags, C.IBV_ACCESS_REMOTE_WRITE, true);
  attr.setUint8(ATTR.port_num, PORT);
  yield* modify(C.IBV_QPS_INIT, TO_INIT);

  if ('lid' in address) attr.setUint16(ATTR['ah_attr.dlid'], address.lid, true);
  else {
    bytes.set(address.gid, ATTR['ah_attr.grh.dgid']);
    attr.setUint8(ATTR['ah_attr.grh.sgid_index'], address.index);
    attr.setUint8(ATTR['ah_attr.grh.hop_limit'], HOP_LIMIT);
    attr.setUint8(ATTR['ah_attr.is_global'], 1);
  }
  attr.setUint8(ATTR['ah_attr.port_num'], PORT);
  attr.setUint32(ATTR.path_mtu, C.IBV_MTU_1024, true);
  attr.setUint32(ATTR.dest_qp_num, qp.number, true);
  attr.setUint8(ATTR.max_dest_rd_atomic, 1);
  yield* modify(C.IBV_QPS_RTR, TO_RTR);
  attr.setUint8(ATTR.timeout, 14);
  attr.setUint8(ATTR.retry_cnt, 7);
  attr.setUint8(ATTR.rnr_retry, 7);
  attr.setUint8(ATTR.max_rd_atomic, 1);
  yield* modify(C.IBV_QPS_RTS, TO_RTS);
}

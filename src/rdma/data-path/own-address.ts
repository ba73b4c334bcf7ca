/**
 * The other way to connect a QP with itself: by the NIC's own address, ibv_modify_qp(3). The port has to be up, with
 * RoCE or IB.
 */
import {callFailed} from '../errno.js';
import type {ContextPtr, Library} from '../ffi.js';
import {IBV_QP_ATTR as ATTR, C, IBV_PORT_ATTR, IBV_PORT_ATTR_ROOM} from './c-layout.js';
import {dataPath} from './ffi.js';
import type {Qp} from './qp.js';

const PORT = 1;
const GID_BYTES = 16;
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
export function connectByAddress(lib: Library, context: ContextPtr, qp: Qp, device: string): void {
  const verbs = dataPath();
  const attr = new DataView(new ArrayBuffer(ATTR.size));
  const bytes = new Uint8Array(attr.buffer);
  const modify = (state: number, mask: number): void => {
    attr.setUint32(ATTR.qp_state, state, true);
    const errno = verbs.ibv_modify_qp(qp.ptr, bytes, mask);
    if (errno !== 0) throw callFailed('connect', errno, {device});
  };
  attr.setUint32(ATTR.qp_access_flags, C.IBV_ACCESS_REMOTE_WRITE, true);
  attr.setUint8(ATTR.port_num, PORT);
  modify(C.IBV_QPS_INIT, TO_INIT);

  const port = new DataView(new ArrayBuffer(IBV_PORT_ATTR_ROOM));
  const errno = verbs.ibv_query_port(context, PORT, new Uint8Array(port.buffer));
  if (errno !== 0) throw callFailed('connect', errno, {device});
  if (port.getUint8(IBV_PORT_ATTR.link_layer) === C.IBV_LINK_LAYER_INFINIBAND) {
    attr.setUint16(ATTR['ah_attr.dlid'], port.getUint16(IBV_PORT_ATTR.lid, true), true);
  } else {
    const gid = new Uint8Array(new ArrayBuffer(GID_BYTES));
    if (verbs.ibv_query_gid(context, PORT, 0, gid) !== 0) throw callFailed('connect', lib.errno(), {device});
    bytes.set(gid, ATTR['ah_attr.grh.dgid']);
    attr.setUint8(ATTR['ah_attr.grh.hop_limit'], HOP_LIMIT);
    attr.setUint8(ATTR['ah_attr.is_global'], 1);
  }
  attr.setUint8(ATTR['ah_attr.port_num'], PORT);
  attr.setUint32(ATTR.path_mtu, C.IBV_MTU_1024, true);
  attr.setUint32(ATTR.dest_qp_num, qp.number, true);
  attr.setUint8(ATTR.max_dest_rd_atomic, 1);
  modify(C.IBV_QPS_RTR, TO_RTR);
  attr.setUint8(ATTR.timeout, 14);
  attr.setUint8(ATTR.retry_cnt, 7);
  attr.setUint8(ATTR.rnr_retry, 7);
  attr.setUint8(ATTR.max_rd_atomic, 1);
  modify(C.IBV_QPS_RTS, TO_RTS);
}

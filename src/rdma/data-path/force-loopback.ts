/**
 * Force loopback: firmware commands connect a QP with itself inside the NIC (mlx5dv_devx_qp_modify(3), layouts of
 * mlx5_ifc.h), as mlx5dv_dr and SPDK do it. No GID, no address, and as far as is known no port that is up.
 */
import {call, type Steps} from '../steps.js';
import {dataPath} from './ffi.js';
import type {Qp} from './qp.js';

const IN_BYTES = 272;
const OUT_BYTES = 16;
const RST2INIT = 0x502;
const INIT2RTR = 0x503;
const RTR2RTS = 0x504;
/** Bytes of the mailbox. */
const IN = {opcode: 0, qpn: 8, qpc: 24} as const;
/** Bytes of the QP context. */
const QPC = {
  pm_state: 2,
  mtu_and_log_msg_max: 8,
  remote_qpn: 20,
  fl: 24,
  port: 61,
  retries: 112,
  rre_rwe: 146,
} as const;

const PM_STATE_MIGRATED = 3 << 3;
const MTU_1024_LOG_MSG_MAX_30 = (3 << 5) | 30;
const FL = 0x80;
const RRE_RWE = 0xc0;
/** retry_count and rnr_retry: 7 each. */
const RETRIES = (7 << 16) | (7 << 13);

/** Whether the firmware took it; if not, the QP is in RESET or INIT. */
export function* forceLoopback(qp: Qp): Steps<boolean> {
  const toInit = modify(qp, RST2INIT, (qpc) => {
    qpc.setUint8(QPC.pm_state, PM_STATE_MIGRATED);
    qpc.setUint8(QPC.port, 1);
    qpc.setUint8(QPC.rre_rwe, RRE_RWE);
  });
  const toRtr = modify(qp, INIT2RTR, (qpc) => {
    qpc.setUint8(QPC.mtu_and_log_msg_max, MTU_1024_LOG_MSG_MAX_30);
    qpc.setUint32(QPC.remote_qpn, qp.number);
    qpc.setUint8(QPC.fl, FL);
    qpc.setUint8(QPC.port, 1);
  });
  const toRts = modify(qp, RTR2RTS, (qpc) => qpc.setUint32(QPC.retries, RETRIES));
  return (yield* toInit) && (yield* toRtr) && (yield* toRts);
}

function* modify(qp: Qp, opcode: number, fill: (qpc: DataView) => void): Steps<boolean> {
  const in_ = new DataView(new ArrayBuffer(IN_BYTES));
  in_.setUint16(IN.opcode, opcode);
  in_.setUint32(IN.qpn, qp.number);
  fill(new DataView(in_.buffer, IN.qpc));
  const out = new Uint8Array(new ArrayBuffer(OUT_BYTES));
  const bytes = new Uint8Array(in_.buffer);
  const {mlx5dv_devx_qp_modify} = dataPath();
  const {result: errno} = yield* call(mlx5dv_devx_qp_modify, qp.ptr, bytes, IN_BYTES, out, OUT_BYTES);
  return errno === 0 && out[0] === 0;
}

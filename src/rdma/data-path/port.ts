/** The port of a NIC and its own address, a GID or, on InfiniBand, a LID: ibv_query_port(3), ibv_query_gid(3). */

import type {ContextPtr} from '../ffi.js';
import {callFailed} from '../refusal/errno.js';
import {call, type Steps} from '../steps.js';
import {C, IBV_PORT_ATTR, IBV_PORT_ATTR_ROOM} from './c-layout.js';
import {dataPath} from './ffi.js';

/** A ConnectX has one port a device. */
export const PORT = 1;
const GID_BYTES = 16;

/** An entry of the port's table, or the number that the subnet manager gave it. */
export type OwnAddress = {readonly gid: Uint8Array; readonly index: number} | {readonly lid: number};

export interface Port {
  readonly isUp: boolean;
  /** Undefined when it has none. */
  readonly address: OwnAddress | undefined;
}

/** Throws what the refusal means. */
export function* readPort(context: ContextPtr, device: string): Steps<Port> {
  const attr = new DataView(new ArrayBuffer(IBV_PORT_ATTR_ROOM));
  const {result: errno} = yield* call(dataPath().ibv_query_port, context, PORT, new Uint8Array(attr.buffer));
  if (errno !== 0) throw callFailed('connect', errno, {device});
  const isUp = attr.getUint32(IBV_PORT_ATTR.state, true) === C.IBV_PORT_ACTIVE;
  if (attr.getUint8(IBV_PORT_ATTR.link_layer) !== C.IBV_LINK_LAYER_INFINIBAND) {
    const address = yield* firstGid(context, attr.getUint32(IBV_PORT_ATTR.gid_tbl_len, true), device);
    return {isUp, address};
  }
  const lid = attr.getUint16(IBV_PORT_ATTR.lid, true);
  return {isUp, address: lid === 0 ? undefined : {lid}};
}

/** The first entry that is not empty: libibverbs gives zeros for one that is. */
function* firstGid(context: ContextPtr, entries: number, device: string): Steps<OwnAddress | undefined> {
  for (let index = 0; index < entries; index++) {
    const gid = new Uint8Array(new ArrayBuffer(GID_BYTES));
    const {result, errno} = yield* call(dataPath().ibv_query_gid, context, PORT, index, gid);
    if (result !== 0) throw callFailed('connect', errno, {device});
    if (gid.some((byte) => byte !== 0)) return {gid, index};
  }
  return undefined;
}

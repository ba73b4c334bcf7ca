/**
 * The objects of a context as the kernel knows them, by type and handle: which there are (UVERBS_METHOD_INFO_HANDLES),
 * and to destroy one that another process made. The ids are those of <rdma/ib_user_ioctl_cmds.h> and
 * <rdma/mlx5_user_ioctl_cmds.h>.
 */
import {constants} from 'node:os';
import {library} from '../ffi.js';
import {call, runHere, type Steps} from '../steps.js';
import {
  IOCTL_ATTR as ATTR,
  IOCTL_HDR as HDR,
  RDMA_DRIVER_MLX5,
  RDMA_VERBS_IOCTL,
  UVERBS_ATTR_F_MANDATORY,
} from './c-layout.js';
import {sharedCalls} from './ffi.js';

/** What can be on a context. In the order in which it can be destroyed: what uses others comes first. */
export const OBJECT_TYPES = {
  FLOW: 9,
  QP: 4,
  RWQ_IND_TBL: 11,
  WQ: 12,
  SRQ: 5,
  DEVX_OBJ: 0x1001,
  FLOW_MATCHER: 0x1003,
  FLOW_ACTION: 13,
  COUNTERS: 15,
  MW: 8,
  AH: 6,
  MR: 7,
  DM: 14,
  CQ: 3,
  XRCD: 10,
  DEVX_UMEM: 0x1002,
  PP: 0x1007,
  VAR: 0x1006,
  UAR: 0x1008,
  PD: 1,
} as const;

export type ObjectType = keyof typeof OBJECT_TYPES;

/** The types in the order of OBJECT_TYPES. */
export const destroyOrder = Object.keys(OBJECT_TYPES) as ObjectType[];

/** Ids of the destroying method and its handle, and how many bytes it answers with where it answers. */
const DESTROY: Readonly<Record<ObjectType, {method: number; handle: number; answer?: number}>> = {
  FLOW: {method: 0, handle: 0},
  QP: {method: 1, handle: 0, answer: 4},
  RWQ_IND_TBL: {method: 0, handle: 0},
  WQ: {method: 1, handle: 0, answer: 4},
  SRQ: {method: 1, handle: 0, answer: 4},
  DEVX_OBJ: {method: 0x1001, handle: 0x1000},
  FLOW_MATCHER: {method: 0x1001, handle: 0x1000},
  FLOW_ACTION: {method: 1, handle: 0},
  COUNTERS: {method: 1, handle: 0},
  MW: {method: 0, handle: 0},
  AH: {method: 0, handle: 0},
  MR: {method: 1, handle: 0},
  DM: {method: 1, handle: 0},
  CQ: {method: 1, handle: 0, answer: 8},
  XRCD: {method: 0, handle: 0},
  DEVX_UMEM: {method: 0x1001, handle: 0x1000},
  PP: {method: 0x1001, handle: 0x1000},
  VAR: {method: 0x1001, handle: 0x1000},
  UAR: {method: 0x1001, handle: 0x1000},
  PD: {method: 0, handle: 0},
};

const DEVICE = 0;
const INFO_HANDLES = 1;
const INFO = {object_id: 0, total: 1, list: 2} as const;
/** Handles that are asked for first; more room when a list is full. */
const ROOM = 1024;
/** An attribute holds the length of its data in 16 bits. */
const MOST_HANDLES = 2 ** 14 - 1;

const {EPROTONOSUPPORT, EINVAL, EOPNOTSUPP} = constants.errno;

interface Attribute {
  id: number;
  bytes: number;
  data: bigint;
}

/** Objects of a context. */
export interface Handles {
  /** The newest first. */
  readonly handles: readonly number[];
  /** There are more, older ones: the kernel lists 16,383 at most. */
  readonly isCut: boolean;
}

/**
 * The objects of this type in the context of `fd`, which the kernel knows without asking the NIC; null when it would
 * not tell (before 5.0). That the newest come first is how the kernel keeps them (rdma_core.c), and no promise of its.
 */
export function handlesOf(fd: number, type: ObjectType): Handles | null {
  for (let room = ROOM; ; room = Math.min(4 * room, MOST_HANDLES)) {
    const total = new Uint8Array(new ArrayBuffer(4));
    const list = new Uint32Array(new ArrayBuffer(4 * room));
    const lib = library();
    const attributes = [
      {id: INFO.object_id, bytes: 8, data: BigInt(OBJECT_TYPES[type])},
      {id: INFO.total, bytes: 4, data: lib.addressOf(total)},
      {id: INFO.list, bytes: 4 * room, data: lib.addressOf(new Uint8Array(list.buffer))},
    ];
    const errno = runHere(lib, ioctl(fd, {object: DEVICE, method: INFO_HANDLES, attributes}));
    // A kernel that does not know the type has none of it.
    if (UNKNOWN.has(errno)) return OPTIONAL.has(type) ? {handles: [], isCut: false} : null;
    if (errno !== 0) return null;
    const count = new DataView(total.buffer).getUint32(0, true);
    if (count < room || room === MOST_HANDLES) return {handles: [...list.subarray(0, count)], isCut: count >= room};
  }
}

/** What not every kernel knows, and what it says then. */
const OPTIONAL: ReadonlySet<ObjectType> = new Set([
  'FLOW_MATCHER',
  'FLOW_ACTION',
  'COUNTERS',
  'DM',
  'DEVX_UMEM',
  'PP',
  'VAR',
  'UAR',
]);
const UNKNOWN: ReadonlySet<number> = new Set([EPROTONOSUPPORT, EOPNOTSUPP, EINVAL]);

/** Where the kernel answers, which nobody reads. It lives on: what only an address names is collected. */
const answerRoom = new Uint8Array(new ArrayBuffer(8));

/** Destroys an object, which is a firmware command: 0 or an errno, ENOENT when there is none. */
export function destroyHandle(fd: number, type: ObjectType, handle: number): Steps<number> {
  const {method, handle: id, answer} = DESTROY[type];
  const attributes: Attribute[] = [{id, bytes: 0, data: BigInt(handle)}];
  if (answer !== undefined) attributes.push({id: 1, bytes: answer, data: library().addressOf(answerRoom)});
  return ioctl(fd, {object: OBJECT_TYPES[type], method, attributes});
}

interface Method {
  readonly object: number;
  readonly method: number;
  readonly attributes: readonly Attribute[];
}

/** 0 or an errno. */
function* ioctl(fd: number, {object, method, attributes}: Method): Steps<number> {
  const bytes = HDR.size + attributes.length * ATTR.size;
  const header = new DataView(new ArrayBuffer(bytes));
  header.setUint16(HDR.length, bytes, true);
  header.setUint16(HDR.object_id, object, true);
  header.setUint16(HDR.method_id, method, true);
  header.setUint16(HDR.num_attrs, attributes.length, true);
  header.setUint32(HDR.driver_id, RDMA_DRIVER_MLX5, true);
  for (const [i, {id, bytes: length, data}] of attributes.entries()) {
    const at = HDR.size + i * ATTR.size;
    header.setUint16(at + ATTR.attr_id, id, true);
    header.setUint16(at + ATTR.len, length, true);
    header.setUint16(at + ATTR.flags, UVERBS_ATTR_F_MANDATORY, true);
    header.setBigUint64(at + ATTR.data, data, true);
  }
  const argument = new Uint8Array(header.buffer);
  const {result, errno} = yield* call(sharedCalls().ioctl, fd, RDMA_VERBS_IOCTL, argument);
  return result === 0 ? 0 : errno;
}

/** Faults that a virtual ConnectX is told to have: firmware commands that fail, DEKs that turn to ERROR. */
import {assertInteger, viewBytes} from '../bytes.js';
import {ALWAYS, DEK_ERROR, FAULT} from './image-layout.js';

/** A firmware command to fail. Left out: any opcode, any type, status BAD_PARAM (3), syndrome 0, once. */
export interface InjectedFault {
  readonly command?: keyof typeof COMMANDS;
  readonly object?: keyof typeof OBJECTS;
  /** Firmware status, 1 to 255; STATUSES has the named ones. */
  readonly status?: number;
  /** The code of the firmware that the kernel logs: 32 bits. */
  readonly syndrome?: number;
  /** How many commands fail. */
  readonly times?: number | 'always';
}

/** Which DEKs turn to ERROR: those that exist now, and with `future` also those that are made later. */
export interface ErrorRule {
  readonly which: 'all' | {readonly opaque: Uint8Array} | {readonly id: number};
  readonly future?: boolean;
}

/** Firmware opcodes by the name of the command; access: of a register, by either of its commands. */
export const COMMANDS = {caps: 0x100, create: 0xa00, query: 0xa02, destroy: 0xa03, access: 0x805} as const;
/** Types of general objects. */
export const OBJECTS = {dek: 0x0c, kek: 0x1d, credential: 0x1e, login: 0x1f} as const;
/** Firmware statuses by the name they have in the kernel's mlx5 driver. */
export const STATUSES = {
  int_err: 0x01,
  bad_op: 0x02,
  bad_param: 0x03,
  bad_sys_state: 0x04,
  bad_res: 0x05,
  res_busy: 0x06,
  lim_err: 0x08,
  bad_res_state: 0x09,
  bad_ix: 0x0a,
  no_res: 0x0f,
} as const;

const BY = {all: 1, opaque: 2, id: 3} as const;

/** A fault as it stands in the image. Throws BAD_ARGUMENT. */
export function faultBytes({
  command,
  object,
  status = STATUSES.bad_param,
  syndrome = 0,
  times = 1,
}: InjectedFault): Buffer {
  assertInteger(status, 1, 0xff, 'status');
  assertInteger(syndrome, 0, 0xffffffff, 'syndrome');
  if (times !== 'always') assertInteger(times, 1, ALWAYS - 1, 'times');
  const bytes = Buffer.alloc(FAULT.size);
  bytes[FAULT.status] = status;
  bytes.writeUInt16LE(command ? COMMANDS[command] : 0, FAULT.opcode);
  bytes.writeUInt16LE(object ? OBJECTS[object] : 0, FAULT.type);
  bytes.writeUInt32LE(syndrome, FAULT.syndrome);
  bytes.writeUInt32LE(times === 'always' ? ALWAYS : times, FAULT.left);
  return bytes;
}

/** A rule as it stands in the image; `next` is the object that is made next. Throws BAD_ARGUMENT. */
export function dekErrorBytes({which, future = false}: ErrorRule, next: number): Buffer {
  const bytes = Buffer.alloc(DEK_ERROR.size);
  bytes.writeUInt32LE(future ? 0xffffffff : next, DEK_ERROR.before);
  if (which === 'all') {
    bytes[DEK_ERROR.by] = BY.all;
  } else if ('id' in which) {
    assertInteger(which.id, 0, 0xffffffff, 'id');
    bytes[DEK_ERROR.by] = BY.id;
    bytes.writeUInt32LE(which.id, DEK_ERROR.id);
  } else {
    bytes[DEK_ERROR.by] = BY.opaque;
    bytes.set(viewBytes(which.opaque, {min: 0, max: 8, step: 1}, 'opaque'), DEK_ERROR.opaque);
  }
  return bytes;
}

/**
 * A way to the registers of a NIC: firmware commands that go through the kernel, none of them in the arguments of a
 * program. Their mailboxes may hold secrets: they are wiped, and locked in commands (memory/protect.ts).
 */
import {secretBytes, wipe} from '../../bytes.js';
import {getField, putField} from '../registers/mailbox.js';
import type {Register} from '../registers/registers.js';

/** Which ways there are. */
export type WayName = 'fwctl' | 'DEVX';

/** One that is open. */
export interface Way {
  readonly name: WayName;
  /** ACCESS_REG (fwctl), or ACCESS_REGISTER_USER: one layout. */
  readonly opcode: number;
  /** Sends a command; `write`: it changes something. Throws unless it comes to the firmware, which fills `out`. */
  run(in_: Uint8Array, out: Uint8Array, write: boolean): void;
  close(): void;
}

/** What the firmware answered: `data` is the register, zeros when it refused, to be wiped by who wrote a secret. */
export interface Answer {
  readonly status: number;
  readonly syndrome: number;
  readonly data: Uint8Array;
}

/** opcode 0x0/16, op_mod 0x30/16 (0: write, 1: read), register_id 0x50/16, the register from byte 16 on. */
const HEADER_BYTES = 16;
const [OPCODE, OP_MOD, REGISTER_ID] = [
  [0x0, 16],
  [0x30, 16],
  [0x50, 16],
] as const;

/** Reads or writes a register. Throws DEVICE_GONE and what else keeps a command from the firmware. */
export function accessRegister(way: Way, register: Register, data: Uint8Array, write: boolean): Answer {
  const in_ = secretBytes(HEADER_BYTES + register.bytes);
  const out = secretBytes(HEADER_BYTES + register.bytes);
  try {
    putField(in_, OPCODE, way.opcode);
    putField(in_, OP_MOD, write ? 0 : 1);
    putField(in_, REGISTER_ID, register.id);
    in_.set(data, HEADER_BYTES);
    way.run(in_, out, write);
    const [status, syndrome] = [out[0]!, getField(out, [32, 32])];
    if (status !== 0) wipe(out);
    return {status, syndrome, data: out.subarray(HEADER_BYTES)};
  } finally {
    wipe(in_);
  }
}

/**
 * What the crypto of an open NIC can do at this moment: the firmware command QUERY_HCA_CAP, page "crypto", as libmlx5
 * sends it (mlx5_ifc.h). libmlx5 asks once, when it opens a NIC, and goes by the answer for the life of the context.
 * Of the general page, which tells of the engines, only what a libmlx5 before rdma-core 44 does not read.
 */

import type {ContextPtr, Library} from '../ffi.js';
import {explain} from '../refusal/explain.js';
import {call, type Steps} from '../steps.js';
import type {Caps} from './caps.js';

const OPCODE = 0x0100;
/** Pages, of which the current values are asked for. */
export const PAGES = {general: 0, roce: 4, crypto: 0x1a} as const;
const IN_BYTES = 16;
const OUT_BYTES = 16 + 4096;
/** Bytes of the answer, big-endian: status, then the page. */
const OUT = {status: 0, flags: 16, wrapped_import_method: 19, log_max_num_deks: 21, failed_selftests: 24} as const;
/** aes_xts_multi_block_be_tweak, bit 0x3f2 of the general page. */
const MULTI_BLOCK = {byte: 16 + (0x3f2 >> 3), mask: 0x20} as const;
const OPERATIONAL = 0x80;
const GOING_TO_COMMISSIONING = 0x40;
const IMPORT_METHOD_AES = 4;
const LOG_MAX_NUM_DEKS_MASK = 31;

/** A NIC, and how it is found out whether it answers at all. */
export interface Asked {
  readonly device: string;
  answers(): Steps<boolean>;
}

const [crypto, general] = [mailbox(PAGES.crypto), mailbox(PAGES.general)];

/**
 * Asks the NIC. What it does not tell is `unknown`, as at an open; where the open did not find an engine, only another
 * open can. Throws DEVICE_GONE, and what else keeps a command from the NIC.
 */
export function* readCapsNow(lib: Library, context: ContextPtr, atOpen: Caps, asked: Asked): Steps<Caps> {
  if (atOpen.engines.length === 0) return atOpen;
  const out = yield* ask(lib, context, crypto, asked);
  const refused = out[OUT.status] !== 0;
  const flags = out[OUT.flags]!;
  const logMaxDeks = refused ? 0 : out[OUT.log_max_num_deks]! & LOG_MAX_NUM_DEKS_MASK;
  const isWrapped = !refused && (out[OUT.wrapped_import_method]! & IMPORT_METHOD_AES) !== 0;
  return {
    importMode: isWrapped ? 'wrapped' : logMaxDeks === 0 ? 'unknown' : 'plaintext',
    operational: !refused && (flags & OPERATIONAL) !== 0,
    goingToCommissioning: !refused && (flags & GOING_TO_COMMISSIONING) !== 0,
    failedSelftests: refused ? 0 : new DataView(out.buffer).getUint16(OUT.failed_selftests),
    engines: atOpen.engines,
    logMaxDeks,
    maxDeks: logMaxDeks === 0 ? 0 : 2 ** logMaxDeks,
  };
}

/** Whether the NIC has the multi-block engine, whatever libmlx5 knows of it. Throws as `readCapsNow`. */
export function* hasMultiBlock(lib: Library, context: ContextPtr, asked: Asked): Steps<boolean> {
  const out = yield* ask(lib, context, general, asked);
  return out[OUT.status] === 0 && (out[MULTI_BLOCK.byte]! & MULTI_BLOCK.mask) !== 0;
}

/** A page, 4,096 bytes; undefined when the firmware refused to tell. Throws as `readCapsNow`. */
export function* askCaps(lib: Library, context: ContextPtr, page: number, asked: Asked): Steps<Uint8Array | undefined> {
  const out = yield* ask(lib, context, mailbox(page), asked);
  return out[OUT.status] === 0 ? out.subarray(IN_BYTES) : undefined;
}

/** The answer, whose first byte is not 0 when the firmware refused. */
function* ask(
  lib: Library,
  context: ContextPtr,
  in_: Uint8Array,
  {device, answers}: Asked,
): Steps<Uint8Array<ArrayBuffer>> {
  const out = new Uint8Array(new ArrayBuffer(OUT_BYTES));
  const {result: errno} = yield* call(lib.mlx5dv_devx_general_cmd, context, in_, in_.length, out, out.length);
  if (errno !== 0 && out[OUT.status] === 0) throw yield* explain('caps', errno, {device}, {answers});
  return out;
}

function mailbox(page: number): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(IN_BYTES));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, OPCODE);
  view.setUint16(6, (page << 1) | 1);
  return bytes;
}

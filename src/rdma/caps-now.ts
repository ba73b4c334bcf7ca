/**
 * What the crypto of an open NIC can do at this moment: the firmware command QUERY_HCA_CAP, page "crypto", as libmlx5
 * sends it (mlx5_ifc.h). libmlx5 asks once, when it opens a NIC, and goes by the answer for the life of the context.
 * Left out: the general page, which tells of the engines; only another firmware changes them.
 */
import type {Caps} from './caps.js';
import {type About, callFailed} from './errno.js';
import type {ContextPtr, Library} from './ffi.js';

const OPCODE = 0x0100;
/** Page 0x1a, the current values. */
const OP_MOD = (0x1a << 1) | 1;
const IN_BYTES = 16;
const OUT_BYTES = 16 + 4096;
/** Bytes of the answer, big-endian: status, then the page. */
const OUT = {status: 0, flags: 16, wrapped_import_method: 19, log_max_num_deks: 21, failed_selftests: 24} as const;
const OPERATIONAL = 0x80;
const GOING_TO_COMMISSIONING = 0x40;
const IMPORT_METHOD_AES = 4;
const LOG_MAX_NUM_DEKS_MASK = 31;

const in_ = mailbox();

/**
 * Asks the NIC. What it does not tell is `unknown`, as at an open; where the open did not find an engine, only another
 * open can. Throws DEVICE_GONE, and what else keeps a command from the NIC.
 */
export function readCapsNow(lib: Library, context: ContextPtr, atOpen: Caps, about: About): Caps {
  if (atOpen.engines.length === 0) return atOpen;
  const out = new Uint8Array(new ArrayBuffer(OUT_BYTES));
  const errno = lib.mlx5dv_devx_general_cmd(context, in_, in_.length, out, out.length);
  if (errno !== 0 && out[OUT.status] === 0) throw callFailed('caps', errno, about);
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

function mailbox(): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(IN_BYTES));
  const view = new DataView(bytes.buffer);
  view.setUint16(0, OPCODE);
  view.setUint16(6, OP_MOD);
  return bytes;
}

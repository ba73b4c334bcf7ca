/**
 * What the firmware says of its crypto and rdma-core does not read: QUERY_HCA_CAP by DEVX, pages "general", "RoCE" and
 * "crypto" of the kernel's mlx5_ifc.h. Three firmware commands.
 */

import type {ContextPtr, Library} from '../ffi.js';
import type {Steps} from '../steps.js';
import {type Asked, askCaps, PAGES} from './caps-now.js';

export interface HcaCaps {
  /** Whether it has told; if not, all below is false or 0. */
  readonly isTold: boolean;
  /** Whether the firmware has crypto on at all: DATA_CRYPTO_ENGINE of mlxconfig may have it off. */
  readonly crypto: boolean;
  /** Whether it knows the objects by which DEKs are made, and logins. */
  readonly deks: boolean;
  readonly logins: boolean;
  readonly singleBlock: boolean;
  readonly multiBlock: boolean;
  /** Whether it connects a queue pair with itself while RoCE is on, and while it is off. */
  readonly loopback: boolean;
  readonly loopbackWithoutRoce: boolean;
  /** The most DEKs that one command makes, as a logarithm to base 2; 0: one by one. */
  readonly logDekMaxAlloc: number;
  /** How many import KEKs and credentials fit, as logarithms to base 2. */
  readonly logMaxImportKeks: number;
  readonly logMaxCredentials: number;
  /** How many import KEKs and credentials are in non-volatile memory now. */
  readonly nvImportKeks: number;
  readonly nvCredentials: number;
}

/** Bits of the pages, counted from the left, and how many; the first of a byte's is its highest. */
const BITS = {
  singleBlock: 0x3f1,
  multiBlock: 0x3f2,
  /** general_obj_types, a mask of 64 bits. */
  objTypes: 0x400,
  crypto: 0x469,
  /** RoCE page. */
  loopbackWithoutRoce: 0x5,
  loopback: 0x6,
} as const;
/** Bytes of the crypto page. */
const CRYPTO = {log_dek_max_alloc: 4, log_max_import_keks: 6, log_max_creds: 7, nv_keks: 10, nv_creds: 11} as const;
const LOG_MASK = 31;
/** Types of general objects. */
const DEK = 0x0c;
const CRYPTO_LOGIN = 0x1f;

const NOTHING = new Uint8Array(4096);

/** Asks the NIC; what it refuses to tell is false or 0. Throws DEVICE_GONE. */
export function* readHcaCaps(lib: Library, context: ContextPtr, asked: Asked): Steps<HcaCaps> {
  const told = yield* askCaps(lib, context, PAGES.general, asked);
  const general = told ?? NOTHING;
  const roce = (yield* askCaps(lib, context, PAGES.roce, asked)) ?? NOTHING;
  const crypto = (yield* askCaps(lib, context, PAGES.crypto, asked)) ?? NOTHING;
  return {
    isTold: told !== undefined,
    crypto: bit(general, BITS.crypto),
    deks: hasType(general, DEK),
    logins: hasType(general, CRYPTO_LOGIN),
    singleBlock: bit(general, BITS.singleBlock),
    multiBlock: bit(general, BITS.multiBlock),
    loopback: bit(roce, BITS.loopback),
    loopbackWithoutRoce: bit(roce, BITS.loopbackWithoutRoce),
    logDekMaxAlloc: crypto[CRYPTO.log_dek_max_alloc]! & LOG_MASK,
    logMaxImportKeks: crypto[CRYPTO.log_max_import_keks]! & LOG_MASK,
    logMaxCredentials: crypto[CRYPTO.log_max_creds]! & LOG_MASK,
    nvImportKeks: crypto[CRYPTO.nv_keks]!,
    nvCredentials: crypto[CRYPTO.nv_creds]!,
  };
}

function bit(page: Uint8Array, at: number): boolean {
  return ((page[at >> 3]! >> (7 - (at & 7))) & 1) !== 0;
}

/** The mask's lowest bit is its last. */
function hasType(general: Uint8Array, type: number): boolean {
  return bit(general, BITS.objTypes + 63 - type);
}

/**
 * What the crypto of a NIC may import, and how many KEKs and credentials it has room for: QUERY_HCA_CAP, page "crypto"
 * (mlx5_ifc.h, crypto_cap), which every way passes. libmlx5 tells of DEKs alone.
 */
import {DekError} from '../errors.js';
import {describeStatus} from '../rdma/refusal/status.js';
import {getField, putField} from './registers/mailbox.js';
import type {KeyKind} from './registers/registers.js';
import type {Way} from './ways/way.js';

/** What a NIC says of its crypto. */
export interface OfficerCaps {
  /** What it takes wrapped, under a login; nothing: it takes plaintext. */
  readonly wrappedImport: readonly string[];
  /** How many KEKs and credentials it has room for in all. */
  readonly room: Readonly<Record<KeyKind, number>>;
  /** How many of them stay without power. */
  readonly nonVolatile: Readonly<Record<KeyKind, number>>;
}

const QUERY_HCA_CAP = 0x100;
const CRYPTO = 0x1a;
const PAGE_AT = 16;
const METHODS: readonly (readonly [mask: number, name: string])[] = [
  [1, 'TLS'],
  [2, 'IPsec'],
  [4, 'AES-XTS'],
];
/** Nothing public says how the NIC chooses ids: more than so many are not looked for. */
const MOST_IDS = 4096;

/** Asks. Throws UNSUPPORTED when the firmware does not tell. */
export function readOfficerCaps(way: Way): OfficerCaps {
  const in_ = new Uint8Array(new ArrayBuffer(PAGE_AT));
  const out = new Uint8Array(new ArrayBuffer(PAGE_AT + 4096));
  putField(in_, [0, 16], QUERY_HCA_CAP);
  putField(in_, [0x30, 16], (CRYPTO << 1) | 1);
  way.run(in_, out, false);
  if (out[0] !== 0) {
    const said = describeStatus(out[0]!, getField(out, [32, 32]));
    throw new DekError('UNSUPPORTED', `the firmware does not tell what its crypto can do (${said})`);
  }
  const page = out.subarray(PAGE_AT);
  const method = getField(page, [0x18, 8]);
  const room = (at: number) => Math.min(2 ** getField(page, [at, 5]), MOST_IDS);
  return {
    wrappedImport: METHODS.filter(([mask]) => (method & mask) !== 0).map(([, name]) => name),
    room: {kek: room(0x33), credential: room(0x3b)},
    nonVolatile: {kek: getField(page, [0x50, 8]), credential: getField(page, [0x58, 8])},
  };
}

/**
 * What a rollback index holds of a manifest, 56 bytes:
 *
 *      0  16  id of the set of DEKs
 *     16   8  the highest generation that was accepted, big-endian
 *     24  32  SHA-256 of its manifest
 */
import {toHex, viewOf} from '../bytes.js';
import {DekError} from '../errors.js';
import type {Known} from '../manifest/acceptance/accept.js';

export const RECORD_BYTES = 56;
/** The command that writes the first one, for messages. */
export const ENROLL = 'dek rollback-index enroll SOURCE MANIFEST --allowed-signers FILE';

const GENERATION_AT = 16;
const DIGEST_AT = 24;

/** What is known of one manifest. */
export interface Entry extends Known {
  /** 16 bytes. */
  readonly id: Uint8Array;
}

/** The entry as a store keeps it. */
export function encodeEntry({id, generation, digest}: Entry): Uint8Array {
  const record = new Uint8Array(RECORD_BYTES);
  record.set(id);
  viewOf(record).setBigUint64(GENERATION_AT, BigInt(generation));
  record.set(digest, DIGEST_AT);
  return record;
}

/** The entry in `record`; `name` is what messages call the store. Throws BAD_INPUT. */
export function decodeEntry(record: Uint8Array, name: string): Entry {
  const generation = record.length === RECORD_BYTES ? viewOf(record).getBigUint64(GENERATION_AT) : 0n;
  if (generation >= 1n && generation <= BigInt(Number.MAX_SAFE_INTEGER)) {
    return {id: record.slice(0, GENERATION_AT), generation: Number(generation), digest: record.slice(DIGEST_AT)};
  }
  throw new DekError('BAD_INPUT', `${name} holds something other than a rollback index`, {
    hint: 'it was altered, or is of another program: name another place, or remove this one and enroll again',
  });
}

/** Of an id, what an error may show: 32 digits may be a key, and are hidden there. */
export function shortId(id: Uint8Array): string {
  return `${toHex(id).slice(0, 8)}...`;
}

/** `generation 3 of manifest 8f14e45fceea167a5a36dedd4bea2543` */
export function describeEntry({id, generation}: Entry): string {
  return `generation ${generation} of manifest ${toHex(id)}`;
}

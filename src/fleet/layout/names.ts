/**
 * Names with their DCVs, as the fleet keeps them: records of 32 bytes, the first 16 of the name's SHA-256 and the 16 of
 * the DCV (zeros: not told), in the order of the names. Of a manifest they say which DEKs it has whatever KEK has
 * wrapped it, and of the fleet which key each name stands for.
 */
import {createHash} from 'node:crypto';

export const RECORD_BYTES = 32;
const HASH_BYTES = 16;
/** The fleet's names are in so many parts, by the first ten bits of their hash. */
export const PARTS = 1024;
/** A blob of them has some 4,000, 128 KiB. */
const BLOB_RECORDS = 2 ** 12;
const UNTOLD = '0'.repeat(32);

/** By the hash of the name, the DCV in hex; null: not told. */
export type NameTable = Map<string, string | null>;

/** In hex. */
export function nameHash(name: string): string {
  return createHash('sha256')
    .update(name)
    .digest('hex')
    .slice(0, 2 * HASH_BYTES);
}

/** Which part of the fleet's names it is in. */
export function partOf(hash: string): number {
  return Number.parseInt(hash.slice(0, 3), 16) >> 2;
}

export function tableBytes(table: ReadonlyMap<string, string | null>): Uint8Array {
  const hashes = [...table.keys()].sort();
  return new Uint8Array(Buffer.from(hashes.map((hash) => hash + (table.get(hash) ?? UNTOLD)).join(''), 'hex'));
}

/** Adds the records in `bytes` to `table`. False unless they are whole. */
export function readTable(bytes: Uint8Array, table: NameTable): boolean {
  if (bytes.length % RECORD_BYTES !== 0) return false;
  const hex = Buffer.from(bytes).toString('hex');
  for (let at = 0; at < hex.length; at += 2 * RECORD_BYTES) {
    const dcv = hex.slice(at + 2 * HASH_BYTES, at + 2 * RECORD_BYTES);
    table.set(hex.slice(at, at + 2 * HASH_BYTES), dcv === UNTOLD ? null : dcv);
  }
  return true;
}

/** The records of a manifest as blobs, each of a part of all hashes: a name more is one blob more. */
export function* tableBlobs(table: ReadonlyMap<string, string | null>): Generator<Uint8Array, void> {
  const bytes = tableBytes(table);
  const parts = 2 ** Math.max(0, Math.ceil(Math.log2(table.size / BLOB_RECORDS)));
  const partAt = (at: number): number => Math.floor((((bytes[at]! << 8) | bytes[at + 1]!) * parts) / 2 ** 16);
  let from = 0;
  for (let at = RECORD_BYTES; at <= bytes.length; at += RECORD_BYTES) {
    if (at < bytes.length && partAt(at) === partAt(from)) continue;
    yield bytes.subarray(from, at);
    from = at;
  }
}

/** Many DEKs of one layout in plaintext: made, unwrapped, and looked at. */
import {randomFillSync} from 'node:crypto';
import {equalBytes, fromHex, secretBytes} from '../bytes.js';
import {DCV_BYTES, type DekLayout} from '../dek-layout.js';
import type {DekError, DekErrorCode} from '../errors.js';
import {arrangementIn} from '../wrap/dcv/dcv.js';
import {anotherKey} from '../wrap/dcv/wrong-key.js';
import {equalKeys} from '../wrap/dek-keys.js';
import type {KekHandle} from '../wrap/kek-handle.js';
import {unwrapFailed} from '../wrap/kw.js';

/** A key that is no good, by its position, counted from 0. */
export interface BadKey {
  position: number;
  code: DekErrorCode;
  message: string;
  hint: string | undefined;
}

/** What has come out of wrapped keys. */
export interface Unwrapped {
  /** To be wiped by the caller; zeros for the bad ones. */
  plaintexts: Uint8Array;
  /** The keys that did not unwrap, in order. */
  bad: BadKey[];
  /** Those that did, and whose key1 is their key2, in order. */
  equal: number[];
}

/** Unwraps keys of one layout. */
export async function unwrapAll(kek: KekHandle, wrapped: Uint8Array, layout: DekLayout): Promise<Unwrapped> {
  const failed: number[] = [];
  const plaintexts = await kek.unwrap(wrapped, layout.plaintextBytes, failed);
  const hasFailed = new Set(failed); // and is all zeros
  const equal = positionsOfEqual(plaintexts, layout).filter((position) => !hasFailed.has(position));
  return {plaintexts, bad: failed.map((position) => badKey(position, unwrapFailed())), equal};
}

/** The DEKs of `plaintexts`, which are to be wrapped, whose key1 is their key2. */
export function findEqualKeys(plaintexts: Uint8Array, layout: DekLayout): BadKey[] {
  return positionsOfEqual(plaintexts, layout).map((position) => badKey(position, equalKeys()));
}

/** The DEKs of `plaintexts` whose check value, 16 bytes each in `dcv`, is not the one in `expected`. */
export function findOtherKeys(
  plaintexts: Uint8Array,
  {plaintextBytes}: DekLayout,
  dcv: Uint8Array,
  expected: Uint8Array,
): BadKey[] {
  const bad: BadKey[] = [];
  for (let position = 0; position * DCV_BYTES < dcv.length; position++) {
    const [from, to] = [position * DCV_BYTES, (position + 1) * DCV_BYTES];
    const wanted = expected.subarray(from, to);
    if (equalBytes(dcv.subarray(from, to), wanted)) continue;
    const dek = plaintexts.subarray(position * plaintextBytes, (position + 1) * plaintextBytes);
    bad.push(badKey(position, anotherKey(arrangementIn(dek, wanted))));
  }
  return bad;
}

function positionsOfEqual(plaintexts: Uint8Array, {keySize, plaintextBytes}: DekLayout): number[] {
  // Every length and so every offset is a multiple of 8, and the buffers are our own.
  const words = new Int32Array(plaintexts.buffer, plaintexts.byteOffset, plaintexts.length / 4);
  const [keyWords, dekWords] = [keySize / 32, plaintextBytes / 4];
  const equal: number[] = [];
  for (let at = 0; at < words.length; at += dekWords) {
    let difference = 0; // of all words: the time must not tell where they differ
    for (let i = at; i < at + keyWords; i++) difference |= words[i]! ^ words[i + keyWords]!;
    if (difference === 0) equal.push(at / dekWords);
  }
  return equal;
}

/**
 * `count` new DEKs from the system's random numbers, to be wiped by the caller; each with this keytag, in hex, or a
 * random one.
 */
export function randomPlaintexts(layout: DekLayout, count: number, keytagValue?: string): Uint8Array {
  const plaintexts = secretBytes(count * layout.plaintextBytes);
  do randomFillSync(plaintexts);
  while (findEqualKeys(plaintexts, layout).length > 0);
  if (!layout.keytag || keytagValue === undefined) return plaintexts;
  const keytag = fromHex(keytagValue, 'keytag-value');
  for (let end = layout.plaintextBytes; end <= plaintexts.length; end += layout.plaintextBytes) {
    plaintexts.set(keytag, end - keytag.length);
  }
  return plaintexts;
}

/** An error as what is wrong with the key at this position. */
export function badKey(position: number, {code, message, hint}: DekError): BadKey {
  return {position, code, message, hint};
}

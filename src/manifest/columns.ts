/**
 * The DEKs of many lines of a manifest in columns, with offsets into their text: a million DEKs are not to be a million
 * objects. All readers of this folder make them.
 */
import type {DekLayout} from '../dek-layout.js';
import type {Fault} from './fault.js';

/** The wrapped keys of one layout. */
export interface KeyColumn {
  readonly layout: DekLayout;
  /** One after the other. */
  readonly wrapped: Uint8Array;
  /** The DEK that each of them belongs to, counted from 0. */
  readonly members: Uint32Array;
}

/** Of the name and of the wrapped key of each DEK, FINGERPRINT_WORDS words each (fingerprint.ts). */
export interface Fingerprints {
  readonly names: Int32Array;
  readonly keys: Int32Array;
}

/** DEKs in the order of their lines. A place is an offset into `text`. */
export interface Columns {
  /** Their lines in canonical form, without those that are left out. */
  readonly text: Uint8Array;
  readonly count: number;
  /** The line of each DEK. */
  readonly lines: Uint32Array;
  readonly nameAt: Uint32Array;
  readonly nameBytes: Uint8Array;
  /** Where its hex digits are. */
  readonly opaqueAt: Uint32Array;
  /** 0 to 8. */
  readonly opaqueBytes: Uint8Array;
  /** Where the hex digits of its keytag, its check value and the hints of that are; 0: not told. */
  readonly keytagValueAt: Uint32Array;
  readonly dcvAt: Uint32Array;
  readonly dcvHintsAt: Uint32Array;
  /** Where its base64 digits are. */
  readonly wrappedAt: Uint32Array;
  /** The layout of each DEK, as a position in `keys`. */
  readonly layouts: Uint8Array;
  /** One for each of DEK_LAYOUTS. */
  readonly keys: readonly KeyColumn[];
  /** Of lines that are left out, and where duplicates were looked for of those that have one; by line. */
  readonly faults: readonly Fault[];
  /** Empty where they were not asked for. */
  readonly fingerprints: Fingerprints;
}

const NO_OPAQUE = new Uint8Array();

/** The name of DEK `i`; `text` is that of the columns. */
export function nameOf(text: Buffer, {nameAt, nameBytes}: Columns, i: number): string {
  return text.toString('latin1', nameAt[i]!, nameAt[i]! + nameBytes[i]!);
}

/** What is told of a DEK in hex, `bytes` bytes from `at` on; null where `at` is 0. `text` is that of the columns. */
export function markAt(text: Buffer, at: number, bytes: number): string | null {
  return at === 0 ? null : text.toString('latin1', at, at + 2 * bytes);
}

/** The label of DEK `i`, as many bytes as the line has; `text` is that of the columns. */
export function opaqueOf(text: Buffer, {opaqueAt, opaqueBytes}: Columns, i: number): Uint8Array {
  if (opaqueBytes[i] === 0) return NO_OPAQUE;
  return new Uint8Array(Buffer.from(text.toString('latin1', opaqueAt[i]!, opaqueAt[i]! + 2 * opaqueBytes[i]!), 'hex'));
}

/**
 * Many DEKs of one layout in columns, on their way from a manifest to the NICs: those of `Columns` are of all layouts,
 * and have no names yet.
 */
import {gather} from '../../bytes.js';
import {DCV_BYTES, DCV_HINT_BYTES, type DekLayout, KEYTAG_BYTES, OPAQUE_BYTES} from '../../dek-layout.js';
import {type Columns, markAt, nameOf, opaqueOf} from '../../manifest/columns.js';
import {FINGERPRINT_WORDS} from '../../manifest/fingerprint.js';

export interface DekBatch {
  readonly layout: DekLayout;
  readonly names: readonly string[];
  /** Where each stands in the manifest; 0 when it did not come from one. */
  readonly lines: readonly number[];
  /** The wrapped keys, one after the other. */
  readonly wrapped: Uint8Array;
  /** The labels, 8 bytes each. */
  readonly opaque: Uint8Array;
  /** What tells one wrapped key from another within this process; 0 when it did not come from a manifest. */
  readonly fingerprints: readonly number[];
  /** Their check values, the hints of those and their keytags, in hex; null where it is not known. */
  readonly dcvs: readonly (string | null)[];
  readonly dcvHints: readonly (string | null)[];
  readonly keytagValues: readonly (string | null)[];
}

/** A double holds 53 bits exactly: these of one word, and the 32 of another. */
const HIGH_BITS = 2 ** 21 - 1;

/** The DEKs of lines without faults, a batch for each layout that is there. */
export function* dekBatches(columns: Columns): Generator<DekBatch, void> {
  const text = Buffer.from(columns.text.buffer, columns.text.byteOffset, columns.text.length);
  const {keys: fingerprints} = columns.fingerprints;
  for (const {layout, wrapped, members} of columns.keys) {
    const count = members.length;
    if (count === 0) continue;
    const [names, lines, numbers] = [new Array<string>(count), new Array<number>(count), new Array<number>(count)];
    const opaque = new Uint8Array(count * OPAQUE_BYTES);
    for (let k = 0; k < count; k++) {
      const i = members[k]!;
      names[k] = nameOf(text, columns, i);
      lines[k] = columns.lines[i]!;
      numbers[k] = fingerprintNumber(fingerprints[i * FINGERPRINT_WORDS]!, fingerprints[i * FINGERPRINT_WORDS + 1]!);
      if (columns.opaqueBytes[i]! > 0) opaque.set(opaqueOf(text, columns, i), k * OPAQUE_BYTES);
    }
    const marks = (at: Uint32Array, bytes: number): (string | null)[] =>
      Array.from(members, (i) => markAt(text, at[i]!, bytes));
    yield {
      layout,
      names,
      lines,
      wrapped,
      opaque,
      fingerprints: numbers,
      dcvs: marks(columns.dcvAt, DCV_BYTES),
      dcvHints: marks(columns.dcvHintsAt, DCV_HINT_BYTES),
      keytagValues: marks(columns.keytagValueAt, KEYTAG_BYTES),
    };
  }
}

/** The DEKs at these positions, each of them once and in order. */
export function pick(batch: DekBatch, positions: readonly number[]): DekBatch {
  if (positions.length === batch.names.length) return batch;
  const some = <T>(items: readonly T[]): T[] => positions.map((i) => items[i]!);
  return {
    layout: batch.layout,
    names: some(batch.names),
    lines: some(batch.lines),
    wrapped: gather(batch.wrapped, batch.layout.wrappedBytes, positions),
    opaque: gather(batch.opaque, OPAQUE_BYTES, positions),
    fingerprints: some(batch.fingerprints),
    dcvs: some(batch.dcvs),
    dcvHints: some(batch.dcvHints),
    keytagValues: some(batch.keytagValues),
  };
}

/** 53 bits of a fingerprint as a number, never 0. */
function fingerprintNumber(high: number, low: number): number {
  return (high & HIGH_BITS) * 2 ** 32 + (low >>> 0) || 1;
}

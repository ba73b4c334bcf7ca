/** Many DEKs of one layout in columns: what a manifest holds, on its way to the NICs, without an object for each. */
import {toHex} from '../../bytes.js';
import {type DekLayout, OPAQUE_BYTES} from '../../dek-layout.js';
import {nameOf, opaqueOf} from '../../manifest/canonical.js';
import {FINGERPRINT_WORDS} from '../../manifest/fingerprint.js';
import type {ManifestPart} from '../../manifest/index.js';
import type {Dek} from '../../rdma/index.js';
import type {HeldDek} from '../nic/nic.js';

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
}

/** A double holds 53 bits exactly: these of one word, and the 32 of another. */
const HIGH_BITS = 2 ** 21 - 1;

/** The DEKs of a part of a manifest without faults, a batch for each layout that is there. */
export function* dekBatches({batch, fingerprints}: ManifestPart): Generator<DekBatch, void> {
  const text = Buffer.from(batch.text.buffer, batch.text.byteOffset, batch.text.length);
  for (const {layout, wrapped, members} of batch.keys) {
    const count = members.length;
    if (count === 0) continue;
    const [names, lines, numbers] = [new Array<string>(count), new Array<number>(count), new Array<number>(count)];
    const opaque = new Uint8Array(count * OPAQUE_BYTES);
    for (let k = 0; k < count; k++) {
      const i = members[k]!;
      names[k] = nameOf(text, batch, i);
      lines[k] = batch.lines[i]!;
      numbers[k] = fingerprintNumber(fingerprints[i * FINGERPRINT_WORDS]!, fingerprints[i * FINGERPRINT_WORDS + 1]!);
      if (batch.opaqueBytes[i]! > 0) opaque.set(opaqueOf(text, batch, i), k * OPAQUE_BYTES);
    }
    yield {layout, names, lines, wrapped, opaque, fingerprints: numbers};
  }
}

/** The DEKs at these positions, each of them once and in order. */
export function pick(batch: DekBatch, positions: readonly number[]): DekBatch {
  if (positions.length === batch.names.length) return batch;
  return {
    layout: batch.layout,
    names: positions.map((i) => batch.names[i]!),
    lines: positions.map((i) => batch.lines[i]!),
    wrapped: gather(batch.wrapped, batch.layout.wrappedBytes, positions),
    opaque: gather(batch.opaque, OPAQUE_BYTES, positions),
    fingerprints: positions.map((i) => batch.fingerprints[i]!),
  };
}

/** The items of `size` bytes at these positions, one after the other. */
export function gather(bytes: Uint8Array, size: number, positions: readonly number[]): Uint8Array {
  const gathered = new Uint8Array(positions.length * size);
  for (const [k, i] of positions.entries()) gathered.set(bytes.subarray(i * size, (i + 1) * size), k * size);
  return gathered;
}

/** How DEK `i` is held once it is made. */
export function heldOf(batch: DekBatch, i: number, dek: Dek, namedBy: number): HeldDek {
  return {
    dek,
    state: 'READY',
    namedBy,
    layout: batch.layout,
    opaque: opaqueText(batch.opaque, i),
    fingerprint: batch.fingerprints[i]!,
    wrapped: null,
  };
}

/** Whether DEK `i` is the one that is held: the same wrapped key and the same label. */
export function isSame(held: HeldDek, batch: DekBatch, i: number): boolean {
  return held.fingerprint === batch.fingerprints[i] && held.opaque === opaqueText(batch.opaque, i);
}

/** Label `i` in hex; empty, so that a hundred thousand DEKs without one share it, when all of it is zero. */
export function opaqueText(opaque: Uint8Array, i: number): string {
  const [from, to] = [i * OPAQUE_BYTES, (i + 1) * OPAQUE_BYTES];
  for (let at = from; at < to; at++) if (opaque[at] !== 0) return toHex(opaque.subarray(from, to));
  return '';
}

/** 53 bits of a fingerprint as a number, never 0. */
function fingerprintNumber(high: number, low: number): number {
  return (high & HIGH_BITS) * 2 ** 32 + (low >>> 0) || 1;
}

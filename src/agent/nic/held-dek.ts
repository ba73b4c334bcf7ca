/**
 * A DEK that should be on a NIC: what it was made of, and what the NIC said of it last. One that should be there and is
 * not, because the NIC went away or would not make it again, stays in the set without a handle, for the health check to
 * heal.
 */
import {toHex} from '../../bytes.js';
import {type DekLayout, OPAQUE_BYTES} from '../../dek-layout.js';
import type {Dek} from '../../rdma/index.js';
import type {ProofStatus} from '../proof.js';
import type {KnownDekState} from '../protocol.js';

/** Kept small: there may be a hundred thousand. */
export interface HeldDek {
  /** Null while it is missing. */
  dek: Dek | null;
  /** What the NIC said last. */
  state: KnownDekState;
  /** The number of the apply whose manifest named it last; 0 when it did not come from a manifest. */
  namedBy: number;
  readonly layout: DekLayout;
  /** The label, 8 bytes in hex; empty when all of it is zero. */
  readonly opaque: string;
  /** Tells one wrapped key from another without keeping it; 0 when it did not come from a manifest. */
  readonly fingerprint: number;
  /** The wrapped key, to make it again when no manifest tells: null for those of a manifest, and for plaintext keys. */
  readonly wrapped: Uint8Array | null;
  /** What a proof compares with, and needs: 16, 6 and 8 bytes, public; null where it is not known. */
  readonly dcv: Uint8Array | null;
  readonly dcvHints: Uint8Array | null;
  readonly keytagValue: Uint8Array | null;
  /** What its last proof found; null until it is proven. */
  proof: ProofStatus | null;
  /** Whether it is proven again before it counts as whole when it was made anew. */
  mustProve: boolean;
}

/** What is known of a DEK beside its wrapped key, and stays when it is made again. */
export type Known = Pick<HeldDek, 'namedBy' | 'wrapped' | 'dcv' | 'dcvHints' | 'keytagValue' | 'mustProve'>;

/** DEKs in columns, as far as they tell one from another. */
interface Traits {
  readonly layout: DekLayout;
  /** The labels, 8 bytes each. */
  readonly opaque: Uint8Array;
  readonly fingerprints: readonly number[];
}

/** How DEK `i` is held once the NIC has made it and says READY. */
export function heldDek(
  {layout, opaque, fingerprints}: Traits,
  i: number,
  known: Pick<HeldDek, 'dek' | 'namedBy'> & Partial<Known>,
): HeldDek {
  const {dek, namedBy, wrapped = null, dcv = null, dcvHints = null, keytagValue = null, mustProve = false} = known;
  return {
    dek,
    state: 'READY',
    namedBy,
    layout,
    opaque: opaqueText(opaque, i),
    fingerprint: fingerprints[i]!,
    wrapped,
    dcv,
    dcvHints,
    keytagValue,
    proof: null,
    mustProve,
  };
}

/** It is not on the NIC any more: what was shown of it was shown of what was there. */
export function loseHandle(held: HeldDek): void {
  held.dek = null;
  held.proof = null;
}

/** PROVEN: known data has shown that it is the key that it should be. */
export function isProven({dek, state, proof}: HeldDek): boolean {
  return dek !== null && state !== 'ERROR' && proof?.verdict === 'ok';
}

/** Whether DEK `i` is the one that is held: the same wrapped key and the same label. */
export function isSame(held: HeldDek, {opaque, fingerprints}: Traits, i: number): boolean {
  return held.fingerprint === fingerprints[i] && held.opaque === opaqueText(opaque, i);
}

/** Whether DEK `i` is held, and whole as far as is known. */
export function isUnchanged(held: HeldDek | undefined, traits: Traits, i: number): boolean {
  return held?.dek != null && held.state !== 'ERROR' && isSame(held, traits, i);
}

/** Whether it is to be made again. UNKNOWN alone is no reason: the login may be missing. */
export function isBroken(held: HeldDek | undefined): boolean {
  return held !== undefined && (held.dek === null || held.state === 'ERROR');
}

/** Label `i` in hex; empty, so that a hundred thousand DEKs without one share it, when all of it is zero. */
export function opaqueText(opaque: Uint8Array, i: number): string {
  const [from, to] = [i * OPAQUE_BYTES, (i + 1) * OPAQUE_BYTES];
  for (let at = from; at < to; at++) if (opaque[at] !== 0) return toHex(opaque.subarray(from, to));
  return '';
}

/**
 * A DEK that should be on a NIC: what it was made of, and what the NIC said of it last. One that should be there and is
 * not, because the NIC went away or would not make it again, stays in the set without a handle, for the health check to
 * heal.
 */
import {fromHex, toHex} from '../../bytes.js';
import {type DekLayout, OPAQUE_BYTES} from '../../dek-layout.js';
import type {Dek} from '../../rdma/index.js';
import {isGood, type ProofStatus} from '../proof.js';
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
  fingerprint: number;
  /** The wrapped key, to make it again when no manifest tells: null for those of a manifest, and for plaintext keys. */
  readonly wrapped: Uint8Array | null;
  /** The check value, the hints of it and the keytag, in hex, public; null where it is not known. */
  dcv: string | null;
  dcvHints: string | null;
  keytagValue: string | null;
  /** What its last proof found; null until it is proven. */
  proof: ProofStatus | null;
  /** Whether it is proven again before it counts as whole when it was made anew. */
  mustProve: boolean;
}

/** DEKs in columns, as far as they tell one from another. */
interface Traits {
  readonly layout: DekLayout;
  /** The labels, 8 bytes each. */
  readonly opaque: Uint8Array;
  readonly fingerprints: readonly number[];
  readonly dcvs: readonly (string | null)[];
  readonly dcvHints: readonly (string | null)[];
  readonly keytagValues: readonly (string | null)[];
}

/** How DEK `i` is held once the NIC has made it and says READY. */
export function heldDek(
  {layout, opaque, fingerprints, dcvs, dcvHints, keytagValues}: Traits,
  i: number,
  known: Pick<HeldDek, 'dek' | 'namedBy'> & Partial<Pick<HeldDek, 'wrapped' | 'mustProve'>>,
): HeldDek {
  const {dek, namedBy, wrapped = null, mustProve = false} = known;
  return {
    dek,
    state: 'READY',
    namedBy,
    layout,
    opaque: opaqueText(opaque, i),
    fingerprint: fingerprints[i]!,
    wrapped,
    dcv: dcvs[i]!,
    dcvHints: dcvHints[i]!,
    keytagValue: keytagValues[i]!,
    proof: null,
    mustProve,
  };
}

/** It is not on the NIC any more: what was shown of it was shown of what was there. */
export function loseHandle(held: HeldDek): void {
  held.dek = null;
  held.proof = null;
}

/** Whether a proof of what is there found nothing to object to. */
export function isShownGood({dek, state, proof}: HeldDek): boolean {
  return dek !== null && state !== 'ERROR' && proof !== null && isGood(proof);
}

/** PROVEN: known data has shown that it is the key that it should be. */
export function isProven({dek, state, proof}: HeldDek): boolean {
  return dek !== null && state !== 'ERROR' && proof?.verdict === 'ok';
}

/** Whether DEK `i` is the one that is held: the same wrapped key and the same label. */
export function isSame(held: HeldDek, {opaque, fingerprints}: Traits, i: number): boolean {
  return held.fingerprint === fingerprints[i] && held.opaque === opaqueText(opaque, i);
}

/**
 * Whether DEK `i` is the key that is held, though another KEK may have wrapped it: the same check value, size, keytag
 * and label. undefined: it cannot be told, since one of them has no check value.
 */
export function isSameKey(held: HeldDek, {layout, opaque, dcvs, keytagValues}: Traits, i: number): boolean | undefined {
  const [dcv, keytag] = [dcvs[i] ?? null, keytagValues[i] ?? null];
  if (held.dcv === null || dcv === null) return undefined;
  if (held.dcv !== dcv || held.layout !== layout || held.opaque !== opaqueText(opaque, i)) return false;
  if (!layout.keytag) return true;
  return held.keytagValue === null || keytag === null ? undefined : held.keytagValue === keytag;
}

/** Whether DEK `i` is certainly not the key that is held: it has another check value. */
export function isAnotherKey(held: HeldDek | undefined, {dcvs}: Traits, i: number): boolean {
  const dcv = dcvs[i] ?? null;
  return held !== undefined && held.dcv !== null && dcv !== null && held.dcv !== dcv;
}

/** How a DEK is wrapped, and what is told of it. */
export type Told = Pick<HeldDek, 'fingerprint' | 'dcv' | 'dcvHints' | 'keytagValue'>;

/** What DEK `i`, which is the key that is held, tells otherwise or beyond what is known; undefined: nothing. */
export function newsOf(
  held: HeldDek,
  {fingerprints, dcvs, dcvHints, keytagValues}: Traits,
  i: number,
): Told | undefined {
  const told: Told = {
    fingerprint: fingerprints[i]!,
    dcv: dcvs[i] ?? held.dcv,
    dcvHints: dcvHints[i] ?? held.dcvHints,
    keytagValue: keytagValues[i] ?? held.keytagValue,
  };
  return (Object.keys(told) as (keyof Told)[]).some((name) => told[name] !== held[name]) ? told : undefined;
}

/** Whether it is there, and usable as far as is known. */
export function isWhole(held: HeldDek | undefined): held is HeldDek {
  return held?.dek != null && held.state !== 'ERROR';
}

/** Whether DEK `i` is held, and whole as far as is known. */
export function isUnchanged(held: HeldDek | undefined, traits: Traits, i: number): boolean {
  return isWhole(held) && isSame(held, traits, i);
}

/** Whether it is to be made again. UNKNOWN alone is no reason: the login may be missing. */
export function isBroken(held: HeldDek | undefined): boolean {
  return held !== undefined && !isWhole(held);
}

/** Label `i` in hex; empty, so that a hundred thousand DEKs without one share it, when all of it is zero. */
export function opaqueText(opaque: Uint8Array, i: number): string {
  const [from, to] = [i * OPAQUE_BYTES, (i + 1) * OPAQUE_BYTES];
  for (let at = from; at < to; at++) if (opaque[at] !== 0) return toHex(opaque.subarray(from, to));
  return '';
}

/** The bytes of what is told of a DEK in hex; null where it is not told. */
export function bytesOf(hex: string | null): Uint8Array | null {
  return hex === null ? null : fromHex(hex, 'hex');
}

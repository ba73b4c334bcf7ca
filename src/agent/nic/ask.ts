/** Lets the two data units of the DCV pass DEKs of a NIC, in one way or another, and tells what they came to. */
import {equalBytes, wipe} from '../../bytes.js';
import {DekError} from '../../errors.js';
import type {Dek, Outcome, Passage, Prover} from '../../rdma/index.js';
import {DCV_UNIT_BYTES, DCV_UNITS, dcvOfCiphertext, dcvTweak} from '../../wrap/dcv/dcv.js';

/** A DEK, and the 8 bytes of its keytag if it has one. */
export interface Asked {
  readonly dek: Dek;
  readonly keytag: Uint8Array | undefined;
}

/** How the units pass. */
export interface Way {
  /** Through one memory key, so that the NIC counts the tweak; else each has a key, and is given its tweak. */
  readonly together: boolean;
  /** The tweak is given the other way round. */
  readonly reversed: boolean;
}

/** The DCV of what came out; or the status of the work request that was refused; or why nothing was sent. */
export type Answer =
  | {readonly value: Uint8Array; readonly isEncrypted: boolean; readonly isWhole: boolean}
  | {readonly status: number}
  | DekError;

const ZEROS = new Uint8Array(DCV_UNITS * DCV_UNIT_BYTES);

/** An answer for each, in order. Throws what keeps the prover from all of them. */
export async function ask(prover: Prover, deks: readonly Asked[], {together, reversed}: Way): Promise<Answer[]> {
  const tweak = (unit: 0 | 1): Uint8Array => (reversed ? dcvTweak(unit).reverse() : dcvTweak(unit));
  const passages = deks.flatMap((asked): Passage[] =>
    together
      ? [{...asked, tweak: tweak(0), units: DCV_UNITS}]
      : [
          {...asked, tweak: tweak(0), units: 1},
          {...asked, tweak: tweak(1), units: 1},
        ],
  );
  const outcomes = await prover.pass(passages);
  const each = passages.length / deks.length;
  return deks.map((_, i) => answerOf(outcomes.slice(i * each, (i + 1) * each)));
}

function answerOf(outcomes: readonly Outcome[]): Answer {
  const ciphertext = new Uint8Array(ZEROS.length);
  let at = 0;
  let isWhole = true;
  for (const outcome of outcomes) {
    if (outcome instanceof DekError || 'status' in outcome) return outcome;
    ciphertext.set(outcome.ciphertext, at);
    at += outcome.ciphertext.length;
    isWhole &&= outcome.isWhole;
    wipe(outcome.ciphertext); // no block of it is published
  }
  const answer = {value: dcvOfCiphertext(ciphertext), isEncrypted: !equalBytes(ciphertext, ZEROS), isWhole};
  wipe(ciphertext);
  return answer;
}

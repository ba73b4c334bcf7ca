/**
 * What a proof says of a DEK: the two data units of its DCV passed the engine of the NIC, and came to its DCV, or not.
 * Pure: words alone, as they stand in JSON; proof-words.ts has them for people.
 */
import type {Arrangement} from '../wrap/dcv/dcv.js';

/**
 * `ok`: the NIC's ciphertext has the DCV, and comes back. `wrong-key`: another key; an arrangement: this key, put
 * together wrongly. `tweak-reversed`, `tweak-increment`: this key, but the NIC reads the tweak the other way round, or
 * counts it as no other does. `not-encrypted`: the data came out as it went in. `not-decrypted`: the ciphertext is
 * right and does not come back. `keytag-refused`: the NIC compared the keytag. `recorded`: the NIC gave this value, for
 * the first time or as before; whether it is that of the right key nobody knows here. `not-provable`: nothing was
 * shown, and a reason says why.
 */
export type Verdict =
  | 'ok'
  | 'wrong-key'
  | Arrangement
  | 'tweak-reversed'
  | 'tweak-increment'
  | 'not-encrypted'
  | 'not-decrypted'
  | 'keytag-refused'
  | 'recorded'
  | 'not-provable';

/** Why a DEK is not provable, in words. */
export const REASONS = {
  'no-dcv': 'it has no check value (DCV)',
  'no-keytag-value': 'its keytag is not known here',
  missing: 'it is not on the NIC',
  'dek-error': 'it is in ERROR',
  refused: 'the NIC refused the work request',
  'no-loopback': 'the NIC cannot be connected with itself',
  'no-gid': 'the NIC cannot be connected with itself: its port has no address (GID, LID)',
  'port-down': 'the NIC cannot be connected with itself: its port is down',
  'no-umr': 'the NIC lays out no memory keys (UMR)',
  'no-memory': 'too little memory may be locked',
  'engine-off': 'the AES-XTS engine is off',
  'device-gone': 'the NIC stopped answering',
  'no-answer': 'the NIC did not do the work request in time',
} as const;

/** Why a proof shows nothing. */
export type Reason = keyof typeof REASONS;

/** A verdict on a DEK, wherever it is. */
export interface Finding {
  verdict: Verdict;
  /** Of `not-provable`. */
  reason?: Reason;
  /** What else there is to say. */
  message?: string;
  /** Of `recorded`: the value, in hex. */
  dcv?: string;
}

/** A verdict on a DEK of one NIC. */
export interface Proof extends Finding {
  name: string;
  device: string;
}

/** What the last proof has left on a DEK; it is lost when the DEK is made anew. */
export interface ProofStatus extends Finding {
  /** When: ISO 8601, UTC. */
  at: string;
}

/** Whether it shows that the DEK, or the NIC, is wrong. */
export function isWrong({verdict}: Finding): boolean {
  return verdict !== 'ok' && verdict !== 'recorded' && verdict !== 'not-provable';
}

/** Whether it leaves nothing to object to. */
export function isGood({verdict}: Finding): boolean {
  return verdict === 'ok' || verdict === 'recorded';
}

/** What a process exits with: 6 when a DEK is wrong, 7 when one is not provable, else 0. */
export function proofExitStatus(proofs: readonly Finding[]): 0 | 6 | 7 {
  if (proofs.some(isWrong)) return 6;
  return proofs.every(isGood) ? 0 : 7;
}

/** Not provable, for `reason`. */
export function notProvable(reason: Reason, message?: string): Finding {
  return {verdict: 'not-provable', reason, ...(message === undefined ? {} : {message})};
}

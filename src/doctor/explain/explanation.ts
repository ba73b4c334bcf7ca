/** What `dek explain` has to say of a word. */
import type {Basis} from '../../rdma/refusal/causes.js';

export interface Explanation {
  /** What the word is: an errno, a firmware status, a syndrome, a code of dek's, a verdict of a proof or of doctor. */
  readonly kind: 'errno' | 'status' | 'syndrome' | 'code' | 'proof' | 'doctor';
  /** The name of the word. */
  readonly name: string;
  /** What it says that of: `a login`, `a wrapped DEK`; null where it is the same for all. */
  readonly of: string | null;
  readonly text: string;
  /** The next step, or null. */
  readonly next: string | null;
  /** `assumed`, or where it was seen: what is known of real firmware. */
  readonly basis: Basis;
}

/**
 * What a check of `dek doctor` is: one small file in checks/ and a line in table.ts. It looks at one thing, and finds
 * it well or names a verdict of its own, each with the fix in words.
 */
import type {Basis} from '../rdma/refusal/causes.js';
import type {Scene} from './scene.js';

export interface Verdict {
  /** `fix`: it keeps DEKs from being made or used, or secrets from being safe; `note`: good to know. */
  readonly level: 'fix' | 'note';
  readonly text: string;
  /** What to do. */
  readonly fix: string;
  /** What is known of real NICs, where the verdict rests on that. */
  readonly basis?: Basis;
}

/** What a check has seen of one thing. */
export interface Finding {
  /** What it is of: `mlx5_0`, a path; null: of this host. */
  readonly of: string | null;
  /** What was looked at and seen, in words. */
  readonly seen: string;
  /** A name of the check's verdicts; null: all is well. */
  readonly verdict: string | null;
}

export interface Check {
  /** A word that stands before what was seen. */
  readonly name: string;
  /** By the names that `dek explain` takes. */
  readonly verdicts: Readonly<Record<string, Verdict>>;
  /** Looks. Nothing to look at: no finding. What it throws is a defect of dek, or a finding of `dek doctor` itself. */
  look(scene: Scene): Promise<readonly Finding[]> | readonly Finding[];
}

/** All is well. */
export function well(seen: string, of: string | null = null): Finding {
  return {of, seen, verdict: null};
}

/** One of the check's verdicts. */
export function found(verdict: string, seen: string, of: string | null = null): Finding {
  return {of, seen, verdict};
}

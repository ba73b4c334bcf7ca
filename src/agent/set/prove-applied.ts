/**
 * The proofs of an apply: of all that the manifest names, or of a sample, what is new and what no proof has shown to be
 * right before. It changes nothing: what becomes of those that are wrong is the business of the apply.
 */
import {type HeldDek, isShownGood} from '../nic/held-dek.js';
import type {Nic} from '../nic/nic.js';
import type {Proof} from '../proof.js';
import type {DekSet} from './dek-set.js';
import type {ApplyOptions} from './plan.js';
import {type NamedDek, proveHeld} from './prove.js';
import {Sample} from './sample.js';

/** What came of them. */
export interface AppliedProofs {
  /** DEKs that were drawn. */
  proven: number;
  /** Those that are not good, by NIC. */
  bad: Proof[];
}

/** DEKs that are made and not yet part of the set, by NIC and name. */
export type Staged = ReadonlyMap<Nic, Map<string, HeldDek>>;

/** Those that are drawn are proven each time that they are made anew. Rejects with IO when `signal` fires. */
export async function proveApplied(
  {events}: DekSet,
  staged: Staged,
  namedBy: number,
  {prove, signal, progress}: Pick<ApplyOptions, 'prove' | 'signal' | 'progress'>,
): Promise<AppliedProofs> {
  if (prove === 0) return {proven: 0, bad: []};
  const names = new Set<string>();
  for (const [nic, made] of staged) {
    for (const name of made.keys()) names.add(name);
    for (const [name, held] of nic.deks) if (held.namedBy === namedBy && !isShownGood(held)) names.add(name);
  }
  const sample = new Sample(prove, names.size);
  const drawn = [...names].filter(() => sample.takes());
  const bad: Proof[] = [];
  let done = 0;
  const tell = (proofs: readonly Proof[]): void => {
    done += proofs.length;
    progress(done, drawn.length * staged.size, 'prove');
  };
  for (const [nic, made] of staged) {
    const deks = drawn.flatMap((name): NamedDek[] => {
      const held = made.get(name) ?? nic.deks.get(name);
      return held ? [[name, held]] : [];
    });
    for (const [, held] of deks) held.mustProve = true;
    for (const proof of await proveHeld(nic, deks, {events, signal, tell})) bad.push(proof);
  }
  return {proven: drawn.length, bad};
}

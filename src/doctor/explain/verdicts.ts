/** Verdicts, as `dek explain` has them: those of proofs and of `dek doctor`. */
import {REASONS, type Reason, type Verdict} from '../../agent/proof.js';
import {nextStepOf, PROOF_VERDICTS, wayOf} from '../../agent/proof-words.js';
import type {Check} from '../check.js';
import {PROBE_VERDICTS} from '../checks/probe.js';
import {CHECKS} from '../table.js';
import type {Explanation} from './explanation.js';

const OWN = {seen: 'dek: its own word, by what came out of the NIC'} as const;

const OWN_CHECK = {seen: 'dek: what its check looked at'} as const;

const DOCTOR: Check['verdicts'] = Object.assign({}, ...CHECKS.map(({verdicts}) => verdicts), PROBE_VERDICTS);

/** What a verdict, or the reason of one, means; nothing when it is none. */
export function explainVerdict(word: string): Explanation[] {
  const about = {kind: 'proof', name: word, basis: OWN} as const;
  if (Object.hasOwn(PROOF_VERDICTS, word)) {
    const verdict = word as Verdict;
    return [{...about, of: 'a proof', text: PROOF_VERDICTS[verdict], next: nextStepOf(verdict) ?? null}];
  }
  if (Object.hasOwn(REASONS, word)) {
    const reason = word as Reason;
    return [{...about, of: 'a proof that shows nothing', text: REASONS[reason], next: wayOf(reason) ?? null}];
  }
  const verdict = Object.hasOwn(DOCTOR, word) ? DOCTOR[word] : undefined;
  if (verdict === undefined) return [];
  const {text, fix, basis = OWN_CHECK} = verdict;
  return [{kind: 'doctor', name: word, of: 'dek doctor', text, next: fix, basis}];
}

/** The words that `explainVerdict` knows. */
export function knownVerdicts(): string[] {
  return [...Object.keys(PROOF_VERDICTS), ...Object.keys(REASONS), ...Object.keys(DOCTOR)];
}

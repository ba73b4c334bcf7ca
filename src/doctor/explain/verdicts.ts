/** Verdicts, as `dek explain` has them: those of proofs and of `dek doctor`. */
import {REASONS, type Reason, type Verdict} from '../../agent/proof.js';
import {nextStepOf, PROOF_VERDICTS, wayOf} from '../../agent/proof-words.js';
import type {Check} from '../check.js';
import {PROBE_VERDICTS} from '../checks/nic/probe.js';
import {CHECKS} from '../table.js';
import type {Explanation} from './explanation.js';

const OWN = {seen: 'dek: its own word, by what came out of the NIC'} as const;

const OWN_CHECK = {seen: 'dek: what its check looked at'} as const;

const DOCTOR: Check['verdicts'] = Object.assign({}, ...CHECKS.map(({verdicts}) => verdicts), PROBE_VERDICTS);

/** What a verdict, or the reason of one, means, each time that it is one; nothing when it is none. */
export function explainVerdict(word: string): Explanation[] {
  const about = {kind: 'proof', name: word, basis: OWN} as const;
  const explanations: Explanation[] = [];
  if (Object.hasOwn(PROOF_VERDICTS, word)) {
    const verdict = word as Verdict;
    explanations.push({...about, of: 'a proof', text: PROOF_VERDICTS[verdict], next: nextStepOf(verdict) ?? null});
  }
  if (Object.hasOwn(REASONS, word)) {
    const reason = word as Reason;
    const of = 'a proof that shows nothing';
    explanations.push({...about, of, text: REASONS[reason], next: wayOf(reason) ?? null});
  }
  if (Object.hasOwn(DOCTOR, word)) {
    const {text, fix, basis = OWN_CHECK} = DOCTOR[word]!;
    explanations.push({kind: 'doctor', name: word, of: 'dek doctor', text, next: fix, basis});
  }
  return explanations;
}

/** The words that `explainVerdict` knows. */
export function knownVerdicts(): string[] {
  return [...new Set([PROOF_VERDICTS, REASONS, DOCTOR].flatMap((verdicts) => Object.keys(verdicts)))];
}

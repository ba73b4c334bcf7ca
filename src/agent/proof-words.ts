/** What proofs say, in words for people: a verdict, the error that a wrong DEK is, and what to do about it. */
import {DekError} from '../errors.js';
import {type Finding, isWrong, type Proof, REASONS, type Reason, type Verdict} from './proof.js';

/** What each verdict says. */
export const PROOF_VERDICTS: Readonly<Record<Verdict, string>> = {
  ok: 'ok',
  'wrong-key': 'another key',
  'halves-swapped': 'key1 and key2 are swapped',
  'halves-reversed': 'the bytes of each half are reversed',
  'halves-swapped-and-reversed': 'key1 and key2 are swapped, and the bytes of each reversed',
  'tweak-reversed': 'the tweak is taken in the other byte order',
  'tweak-increment': 'the NIC does not count the tweak as IEEE 1619 does',
  'not-encrypted': 'data is not encrypted',
  'not-decrypted': 'what was encrypted does not come back',
  'keytag-refused': 'the NIC refuses the keytag',
  recorded: 'consistent',
  'not-provable': 'not provable',
};

const WRAP_ANEW = 'wrap the key anew, key1 before key2 and each as it is: dek wrap --dcv VALUE refuses another order';
const OTHER_DATA = 'no other NIC can read data that is written so: update rdma-core and firmware, see dek device show';

/** The next step, by what is wrong. */
const STEPS: Readonly<Partial<Record<Verdict, string>>> = {
  'wrong-key': 'ask for the right key where this one was made: another one makes all data of this name unreadable',
  'halves-swapped': WRAP_ANEW,
  'halves-reversed': WRAP_ANEW,
  'halves-swapped-and-reversed': WRAP_ANEW,
  'tweak-reversed': OTHER_DATA,
  'tweak-increment': "no other NIC can read data that is written so: see AES_XTS_TWEAK_INC_64 of NVIDIA's mlxconfig",
  'keytag-refused': 'the keytag value is not the one that was wrapped: dek manifest check --kek SOURCE compares them',
};

/** The next step, by why nothing is shown. */
const WAYS: Readonly<Partial<Record<Reason, string>>> = {
  'no-dcv': 'dek manifest check FILE --kek SOURCE --add-dcv adds check values; dek create takes --dcv',
  'no-keytag-value': 'a manifest has it as keytagValue; dek create takes --keytag-value',
  'no-loopback': 'see whether the port is up and has an address: ibv_devinfo -v',
  'no-gid': 'give its net device an address, or update its firmware, which may know force loopback then',
  'port-down': 'plug in the cable, or update its firmware, which may know force loopback then',
  'no-memory': 'raise the limit of locked memory: ulimit -l, LimitMEMLOCK= of systemd',
  'engine-off': 'see dek device show',
};

/** The next step after a verdict, if there is one. */
export function nextStepOf(verdict: Verdict): string | undefined {
  return STEPS[verdict];
}

/** The next step where a proof shows nothing, if there is one. */
export function wayOf(reason: Reason): string | undefined {
  return WAYS[reason];
}

/** Names that a message lists before it only counts. */
const NAMES_SHOWN = 5;

/** What was found: `ok`, `wrong: key1 and key2 are swapped`, `not provable: it is not on the NIC`. */
export function wordsOf(finding: Finding): string {
  return isWrong(finding) ? `wrong: ${causeOf(finding)}` : causeOf(finding);
}

function causeOf({verdict, reason, message}: Finding): string {
  const why = message ?? (reason && REASONS[reason]);
  return why === undefined ? PROOF_VERDICTS[verdict] : `${PROOF_VERDICTS[verdict]}: ${why}`;
}

/**
 * The error that these proofs are, none of which is good: PROOF_FAILED when one is wrong, else NOT_PROVABLE. It names
 * them by what was found; `end` says what was done about it.
 */
export function proofError(proofs: readonly Proof[], end?: string): DekError {
  const wrong = proofs.filter(isWrong);
  const [first] = wrong.length > 0 ? wrong : proofs;
  const hint = (first!.reason && WAYS[first!.reason]) ?? STEPS[first!.verdict];
  const groups = new Map<string, Proof[]>();
  for (const proof of wrong.length > 0 ? wrong : proofs) {
    const words = `${wordsOf(proof)} (${proof.device})`;
    if (!groups.has(words)) groups.set(words, []);
    groups.get(words)!.push(proof);
  }
  const parts = [...groups].map(([words, some]) => `${nameList(some)}: ${words}`);
  const message = [...parts, ...(end === undefined ? [] : [end])].join('; ');
  return new DekError(wrong.length > 0 ? 'PROOF_FAILED' : 'NOT_PROVABLE', message, {hint});
}

function nameList(proofs: readonly Proof[]): string {
  const names = proofs.slice(0, NAMES_SHOWN).map(({name}) => name);
  const more = proofs.length - names.length;
  return more > 0 ? `${names.join(', ')} and ${more} more` : names.join(', ');
}

/** Known data through a DEK: which half is which, the tweak, the keytag, the logout, the port. */
import {wordsOf} from '../../agent/proof-words.js';
import {DEK_LAYOUTS} from '../../dek-layout.js';
import {type Answer, answer, type Bench, type Experiment, logIn, statusIn} from './bench.js';
import {proofOf} from './proof.js';
import {type Subject, subjectOf} from './subject.js';

const NUMBERS = [12, 13, 15, 16, 17];
/** What a proof says where it is the NIC's way to itself that is missing. */
const NO_WAY: ReadonlySet<string | undefined> = new Set(['no-loopback', 'no-gid', 'port-down']);

export const dataPath: Experiment = {
  title: 'known data through a DEK',
  numbers: NUMBERS,
  async run(bench) {
    const subject = await provable(bench);
    const session = typeof subject === 'string' ? subject : logIn(bench);
    if (typeof session === 'string' || typeof subject === 'string') {
      return {answers: NUMBERS.map((number) => answer(number, undefined, `${session}`))};
    }
    using _wiped = subject;
    using _session = session;
    return {answers: await answersWith(bench, subject, session)};
  },
};

/** The one that tells most: with a keytag, if there is one. */
async function provable(bench: Bench): Promise<Subject | string> {
  for (const layout of DEK_LAYOUTS.toReversed()) {
    const subject = await subjectOf(bench, layout);
    if (typeof subject !== 'string' && subject.dcv !== null && (!layout.keytag || subject.keytagValue)) return subject;
  }
  return 'not asked: no KEK was given, and no DEK of the manifest has a check value (DCV)';
}

async function answersWith(bench: Bench, subject: Subject, session: Disposable): Promise<Answer[]> {
  const {nic} = bench;
  const {isUp} = await nic.readPort();
  using dek = nic.createDek(subject.options);
  const {keytagValue} = subject;
  const found = await proofOf(nic, subject, dek, keytagValue);
  const other = keytagValue ? await proofOf(nic, subject, dek, flipped(keytagValue)) : undefined;
  const words = wordsOf(found);
  const isShown = found.verdict === 'ok';
  const isTweak = found.verdict === 'tweak-increment' || found.verdict === 'tweak-reversed';
  return [
    answer(12, isShown || (found.verdict === 'halves-swapped' ? false : undefined), words),
    answer(13, isShown || (isTweak ? false : undefined), words),
    answer(
      15,
      other && isShown ? other.verdict === 'keytag-refused' : undefined,
      other ? `another keytag: ${wordsOf(other)}` : 'not asked: the DEK has no keytag',
    ),
    answer(
      17,
      NO_WAY.has(found.reason) ? false : !isUp && isShown ? true : undefined,
      `port ${isUp ? 'up: bring it down and run again to decide' : 'down'}; ${words}`,
    ),
    nic.readCaps().importMode === 'plaintext'
      ? answer(16, undefined, 'not asked: a NIC of plaintext import has no login')
      : await afterLogout(bench, subject, dek, session, isShown),
  ];
}

async function afterLogout(
  {nic}: Bench,
  subject: Subject,
  dek: ReturnType<Bench['nic']['createDek']>,
  session: Disposable,
  isShown: boolean,
): Promise<Answer> {
  session[Symbol.dispose]();
  const after = await proofOf(nic, subject, dek, subject.keytagValue);
  const asked = (() => {
    try {
      return dek.query().state;
    } catch (error) {
      return statusIn(error);
    }
  })();
  const seen = `after the logout: ${wordsOf(after)}; its query: ${asked}`;
  return answer(16, isShown ? after.verdict === 'ok' && asked !== 'READY' && asked !== 'ERROR' : undefined, seen);
}

function flipped(bytes: Uint8Array): Uint8Array {
  return Uint8Array.from(bytes, (byte, i) => (i === 0 ? byte ^ 1 : byte));
}

/** The four layouts: a DEK of each is made, queried, proven and destroyed. */
import {wordsOf} from '../../agent/proof-words.js';
import {DEK_LAYOUTS, type DekLayout} from '../../dek-layout.js';
import {type Bench, type Experiment, logIn, statusIn, type Trial, trial} from './bench.js';
import {proofOf} from './proof.js';
import {layoutText, subjectOf} from './subject.js';

export const layouts: Experiment = {
  title: 'a DEK of each layout',
  numbers: [],
  async run(bench) {
    const session = logIn(bench);
    if (typeof session === 'string') {
      return {trials: DEK_LAYOUTS.map((layout) => trial(titleOf(bench, layout), undefined, session))};
    }
    using _session = session;
    const trials: Trial[] = [];
    for (const layout of DEK_LAYOUTS) trials.push(await tried(bench, layout));
    return {trials};
  },
};

function titleOf({nic}: Bench, layout: DekLayout): string {
  return `a ${nic.readCaps().importMode} DEK, ${layoutText(layout)}`;
}

async function tried(bench: Bench, layout: DekLayout): Promise<Trial> {
  const what = titleOf(bench, layout);
  const subject = await subjectOf(bench, layout);
  if (typeof subject === 'string') return trial(what, undefined, subject);
  using _wiped = subject;
  const {nic} = bench;
  const done: string[] = [];
  try {
    using dek = nic.createDek(subject.options);
    done.push('created');
    const {state} = dek.query();
    done.push(state);
    const finding = await proofOf(nic, subject, dek, subject.keytagValue);
    done.push(`proof: ${wordsOf(finding)}`);
    dek.destroy();
    done.push('destroyed');
    return trial(what, state === 'READY' && (finding.verdict === 'ok' || subject.dcv === null), done.join(', '));
  } catch (error) {
    return trial(what, false, [...done, `then ${statusIn(error)}`].join(', '));
  }
}

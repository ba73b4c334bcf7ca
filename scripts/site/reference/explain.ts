/** All that `dek explain` has to say, as a page. */

import {explain, knownWords} from '../../../src/doctor/explain/explain.js';
import type {Explanation} from '../../../src/doctor/explain/explanation.js';
import {explainSyndrome, knownSyndromes} from '../../../src/doctor/explain/firmware.js';
import {escaped} from '../../draw/escape.js';
import type {Made} from '../made.js';
import {scrolling} from '../markdown.js';

export function explainPage(): Made {
  const {errnos, statuses, verdicts} = knownWords();
  const about =
    'What an errno of libibverbs or libmlx5, a status or a syndrome of the firmware, or a verdict of dek means, and ' +
    'what to do.';
  const body = [
    `<p>${about} <code>dek explain WORD</code> says the same on the terminal; dek-explain(1). What is assumed of
firmware is marked.</p>`,
    table('errnos', 'Errnos', errnos.map(of)),
    table('statuses', 'Statuses of the firmware', statuses.map(of)),
    table(
      'syndromes',
      'Syndromes of the firmware',
      knownSyndromes().map((syndrome) => [explainSyndrome(syndrome)]),
    ),
    table('verdicts', 'Verdicts of proofs and of dek doctor', verdicts.map(of)),
  ];
  return {title: 'Errnos, statuses, verdicts', about, body: body.join('\n')};
}

function of(word: string): readonly Explanation[] {
  return explain(word).explanations;
}

function table(id: string, heading: string, words: readonly (readonly Explanation[])[]): string {
  const head = '<thead><tr><th>word</th><th>said of</th><th>what it means</th><th>what to do</th></tr></thead>';
  const rows = words.flatMap((explanations) =>
    explanations.map(({name, of, text, next, basis}, i) => {
      const head = `<th scope="row" id="${id}-${name}" rowspan="${explanations.length}"><code>${name}</code></th>`;
      const sure = basis === 'assumed' ? ' <em>(assumed)</em>' : '';
      const cells = [escaped(of ?? 'all'), escaped(text) + sure, escaped(next ?? '')];
      return `<tr>${i === 0 ? head : ''}${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
    }),
  );
  return `<h2 id="${id}"><a class="permalink" href="#${id}">${heading}</a></h2>
${scrolling(`<table>\n${head}\n<tbody>\n${rows.join('\n')}\n</tbody>\n</table>`)}`;
}

import * as Args from '@oclif/core/args';
import {DekCommand} from '../cli/base.js';
import {wrapLines} from '../cli/output/wrap-lines.js';
import {explain, knownWords} from '../doctor/explain/explain.js';
import type {Explanation} from '../doctor/explain/explanation.js';

interface Result {
  word: string;
  /** Whether dek knows the word, beyond what it is. */
  known: boolean;
  explanations: readonly Explanation[];
}

export default class Explain extends DekCommand {
  static override summary = 'say what an errno, a firmware status, a syndrome or a verdict means';
  static override description =
    'Prints what the word means for a login or a DEK, what to do, and what that rests on: seen in a public source, ' +
    'or assumed, since NVIDIA publishes neither what its syndromes mean nor which status stands for which cause. ' +
    'WORD is an errno (EINVAL, 22), a firmware status (BAD_PARAM, 0x3), a syndrome (0x and hexadecimal digits, as ' +
    'in the kernel log), or a verdict of dek prove or dek doctor. Without a word, it lists those that it knows. ' +
    'Exits with 3 if nothing is known of the word, and with 2 if it is none of these.';
  static override examples = ['dek explain EINVAL', 'dek explain BAD_RES_STATE', 'dek explain 0x000d000b --json'];
  static override args = {
    word: Args.string({ignoreStdin: true, description: 'errno, firmware status, syndrome or verdict'}),
  };

  async run(): Promise<Result | ReturnType<typeof knownWords>> {
    const {args} = await this.parse(Explain);
    if (args.word === undefined) return this.#list();
    const {explanations, isKnown} = explain(args.word);
    for (const line of explanations.flatMap(render)) this.log(line);
    if (!isKnown) process.exitCode = 3;
    return {word: args.word, known: isKnown, explanations};
  }

  #list(): ReturnType<typeof knownWords> {
    const words = knownWords();
    for (const [kind, names] of Object.entries(words)) {
      for (const line of wrapLines(`${kind}: ${names.join(', ')}`, '  ')) this.log(line);
    }
    return words;
  }
}

function render({name, of, text, next, basis}: Explanation): string[] {
  const seen = basis === 'assumed' ? 'assumed' : `seen in ${basis.seen}`;
  return [
    ...wrapLines(`${name}${of === null ? '' : `, of ${of}`}: ${text}`, '  '),
    ...(next === null ? [] : wrapLines(`  next: ${next}`, '    ')),
    ...wrapLines(`  basis: ${seen}`, '    '),
  ];
}

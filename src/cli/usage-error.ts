/** What is wrong with the words of a command line, in our words: oclif's parser says it in its own. */
import type {FlagInput} from '@oclif/core/parser';
import {hideKey, orList} from '../bytes.js';

/** A message of oclif's, and how we put it. */
const RULES: readonly (readonly [pattern: RegExp, ours: (...groups: string[]) => string])[] = [
  [/^Missing \d+ required args?:\n(.*?)(?:\n\n.*)?$/s, (list) => missingArguments(list!)],
  [/^Unexpected (arguments?: .*)$/s, (rest) => `unexpected ${rest}`],
  [/^Nonexistent flags?: (.*)$/, (names) => `unknown ${plural('option', names!.split(', '))}`],
  [/^Flag (--\S+) can only be specified once$/, (name) => `${name} is given more than once`],
  [/^Flag (--\S+) expects a value$/, (name) => `option ${name} requires a value`],
  [/^Flag (--\S+) expects one of these values: (.*)$/, (name, values) => `option ${name} requires ${oneOf(values!)}`],
  [
    /^Expected (--[^=]+)=(.*) to be one of: (.*)$/s,
    (name, got, values) => `${name} expected ${oneOf(values!)}, got "${got}"`,
  ],
  [/^(--\S+): Expected an integer but received: ?(.*)$/s, (name, got) => `${name} expected an integer, got "${got}"`],
  [
    /^(--\S+): Expected an integer greater than or equal to (\d+) but received: (.*)$/s,
    (name, min, got) => `${name} expected at least ${min}, got "${got}"`,
  ],
  [
    /^(--\S+): Expected an integer less than or equal to (\d+) but received: (.*)$/s,
    (name, max, got) => `${name} expected at most ${max}, got "${got}"`,
  ],
  [
    /^(--[^=\s]+)(?:=.*)? cannot also be provided when using (--\S+)$/s,
    (one, other) => `${[one, other].sort().join(' and ')} exclude each other`,
  ],
  [/^All of the following must be provided when using (--\S+): (.*)$/, (name, others) => `${name} requires ${others}`],
];

/** What oclif's parser would throw for a flag that has to be there: printed with the command's help as next step. */
export function missingOption(name: string): Error {
  const message = `The following error occurred:\n  Missing required flag ${name}`;
  return Object.assign(new Error(message), {oclif: {}});
}

/** The message of an error that oclif's parser threw. What may be a key is not repeated. */
export function usageMessage(message: string): string {
  const text = withoutFrame(withoutKeys(message))
    .replace(/\nSee more help with --help$/, '')
    .trimEnd();
  const [, several] = /^The following errors? occurred:\n(.*)$/s.exec(text) ?? [];
  if (several === undefined) return translated(text);
  const lines = several.split('\n').map((line) => line.trim());
  const missing = lines.flatMap((line) => /^Missing required flag (\S+)$/.exec(line)?.[1] ?? []);
  if (missing.length === lines.length)
    return `missing ${plural(
      'option',
      missing.map((name) => `--${name}`),
    )}`;
  return [...new Set(lines.map(translated))].join('; ');
}

/** The next step after an error of oclif's parser, where there is a better one than the help of the command. */
export function usageHint(error: Error): string | undefined {
  const {flags: unknown = [], parse} = error as {flags?: string[]; parse?: {input?: {flags?: FlagInput}}};
  if (unknown.length === 1) {
    const known = Object.entries(parse?.input?.flags ?? {}).flatMap(([name, flag]) =>
      flag.type === 'boolean' && flag.allowNo ? [name, `no-${name}`] : [name],
    );
    const near = nearest(unknown[0]!.replace(/^--/, ''), known);
    return near && `did you mean --${near}?`;
  }
  return /^\S+ and \S+ exclude each other$/.test(usageMessage(error.message)) ? 'leave one of them out' : undefined;
}

/** Which of `names` was meant by `word`, which is none of them: the one that it begins, or with few letters amiss. */
export function nearest(word: string, names: readonly string[]): string | undefined {
  if (word.length < 2) return undefined;
  const begun = names.filter((name) => name.startsWith(word));
  if (begun.length === 1) return begun[0];
  const [best] = names
    .map((name) => ({name, edits: editsBetween(word, name)}))
    .filter(({edits}) => edits <= 1 + word.length / 5)
    .sort((a, b) => a.edits - b.edits);
  return best?.name;
}

/** How many letters are to be added, left out, exchanged, or swapped with their neighbour to make `b` of `a`. */
function editsBetween(a: string, b: string): number {
  const edits = Array.from({length: a.length + 1}, (_, i) => Array.from({length: b.length + 1}, (__, k) => i || k));
  const at = (i: number, k: number): number => edits[i]![k]!;
  for (let i = 1; i <= a.length; i++) {
    for (let k = 1; k <= b.length; k++) {
      const isSwapped = i > 1 && k > 1 && a[i - 1] === b[k - 2] && a[i - 2] === b[k - 1];
      edits[i]![k] = Math.min(
        at(i - 1, k) + 1,
        at(i, k - 1) + 1,
        at(i - 1, k - 1) + (a[i - 1] === b[k - 1] ? 0 : 1),
        isSwapped ? at(i - 2, k - 2) + 1 : Number.POSITIVE_INFINITY,
      );
    }
  }
  return at(a.length, b.length);
}

/** oclif writes a line above and a line below what the parse function of a flag says, also when that is ours. */
export function withoutFrame(message: string): string {
  return message.replace(/^Parsing (--\S+) \n\t(.*)\nSee more help with --help$/s, (_, flag: string, text: string) =>
    text.includes(flag) ? text : `${flag}: ${text}`,
  );
}

function translated(text: string): string {
  for (const [pattern, ours] of RULES) {
    const match = pattern.exec(text);
    if (match) return ours(...match.slice(1));
  }
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** oclif lists them with their descriptions, a line each or more. */
function missingArguments(list: string): string {
  const names = list.split('\n').flatMap((line) => /^(\S+)/.exec(line)?.[1]?.toUpperCase() ?? []);
  return `missing ${plural('argument', names)}`;
}

/** `option: --kek`; `options: --from, --to`. */
function plural(noun: string, names: readonly string[]): string {
  return `${noun}${names.length === 1 ? '' : 's'}: ${names.join(', ')}`;
}

function oneOf(values: string): string {
  return orList(values.split(', '));
}

/** oclif repeats what it does not understand. */
function withoutKeys(message: string): string {
  return message.replace(/[^\s"'=,]+/g, hideKey);
}

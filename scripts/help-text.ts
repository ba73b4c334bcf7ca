/**
 * The help of a command, of a topic and of the program as text, 80 columns wide. Pure: the oclif manifest in, texts
 * out.
 */
import type {Command, Interfaces} from '@oclif/core';
import {argName, exampleParts, flagText, flagWords, sortedFlags, spacedId, usageLines, usageParts} from './usage.js';

const COLUMNS = 80;
/** A name that is longer has a line of its own. */
const MAX_NAME = 24;

type Named = readonly [name: string, text: string];

/** The files in dist: of dek, of every topic, of every command. */
export function helpFiles(
  manifest: Pick<Interfaces.Manifest, 'commands'>,
  {description, oclif}: {description?: unknown; oclif: Interfaces.PJSON['oclif']},
): [string, string][] {
  const {bin = 'dek'} = oclif;
  const commands = Object.values(manifest.commands);
  const topics = Object.entries(oclif.topics ?? {}).map(([name, topic]): Named => [name, topic.description ?? '']);
  const ofOneWord = commands.filter(({id}) => !id.includes(':'));
  const ofTopic = (topic: string): Command.Cached[] =>
    commands.filter((command) => spacedId(command).startsWith(`${topic} `));
  const ofTheTop = topics.filter(([name]) => !name.includes(' '));
  const summary = `${description ?? ''}`.replace(/^./, (letter) => letter.toLowerCase());
  return [
    ['help.txt', rootHelp(summary, ofOneWord, ofTheTop, bin)],
    ...topics.map(([name, text]): [string, string] => [
      `help/${name.replaceAll(' ', '/')}.txt`,
      topicHelp(name, text, ofTopic(name), bin),
    ]),
    ...commands.map((command): [string, string] => [
      `help/${command.id.replaceAll(':', '/')}.txt`,
      commandHelp(command, bin),
    ]),
  ];
}

export function commandHelp(command: Command.Cached, bin = 'dek'): string {
  const args = Object.values(command.args).map((arg): Named => [argName(arg), arg.description ?? '']);
  const flags = sortedFlags(command);
  const hasChar = flags.some(({char}) => char !== undefined);
  const names = flags.map((flag) => `${flag.char ? `-${flag.char}, ` : hasChar ? '    ' : ''}${flagWords(flag)}`);
  return page(command.summary ?? '', [
    [
      'USAGE',
      usageLines(command).flatMap((line) => usage([bin, ...spacedId(command).split(' '), ...usageParts(line)])),
    ],
    [
      'DESCRIPTION',
      (command.description ?? '').split('\n\n').flatMap((text, i) => [...(i > 0 ? [''] : []), ...wrap(text)]),
    ],
    ['ARGUMENTS', list(args)],
    ['OPTIONS', list(flags.map((flag, i): Named => [names[i]!, flagText(flag)]))],
    ['EXAMPLES', (command.examples ?? []).flatMap((example, i) => [...(i > 0 ? [''] : []), ...exampleLines(example)])],
  ]);
}

/** Of a topic: `commands` are those that begin with its words. */
export function topicHelp(topic: string, summary: string, commands: readonly Command.Cached[], bin = 'dek'): string {
  return page(summary, [
    ['USAGE', usage([bin, ...topic.split(' '), 'COMMAND'])],
    ['COMMANDS', list(summaries(commands))],
  ]);
}

/** Of the program: the commands of one word, and the topics, each with its summary. */
export function rootHelp(
  summary: string,
  commands: readonly Command.Cached[],
  topics: readonly Named[],
  bin = 'dek',
): string {
  return page(summary, [
    [
      'USAGE',
      [...usage([bin, 'COMMAND', '[OPTIONS]']), ...usage([bin, 'COMMAND', '--help']), ...usage([bin, '--version'])],
    ],
    ['COMMANDS', list(summaries(commands))],
    ['TOPICS', list(topics)],
    ['FIRST STEPS', list(FIRST_STEPS[bin] ?? [])],
  ]);
}

/** Of who has just installed it, by the program. */
const FIRST_STEPS: Readonly<Record<string, readonly Named[]>> = {
  dek: [
    ['dek doctor', 'what is here, and what to mend first'],
    ['dek virtual create nic', 'a NIC in software, to try all of it'],
    ['man dek', 'words, sources of keys, exit statuses'],
    ['docs/start.md', 'five minutes, without a NIC and on one'],
  ],
  vcx: [
    ['vcx create nic', 'a NIC in software'],
    ['vcx exec nic -- bash', 'a shell whose programs find it'],
    ['man vcx', 'all of its commands, with examples'],
  ],
};

function summaries(commands: readonly Command.Cached[]): Named[] {
  return commands
    .map((command): Named => [spacedId(command), command.summary ?? ''])
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

function page(summary: string, sections: readonly (readonly [title: string, lines: string[]])[]): string {
  const parts = sections
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => [title, ...lines.map((line) => (line === '' ? '' : `  ${line}`))].join('\n'));
  return `${[wrap(summary, COLUMNS).join('\n'), ...parts].join('\n\n')}\n`;
}

function usage(words: readonly string[]): string[] {
  return fill(['$', ...words]).map((line, i) => (i === 0 ? line : `    ${line}`));
}

/** Names in one column, what they are in the other. */
function list(items: readonly Named[]): string[] {
  const width = Math.max(0, ...items.map(([name]) => name.length).filter((length) => length <= MAX_NAME));
  const margin = ' '.repeat(width + 2);
  return items.flatMap(([name, text]) => {
    // Of several lines, what goes on is indented.
    const indent = text.includes('\n') ? '  ' : '';
    const [first = '', ...rest] = text
      .split('\n')
      .flatMap((line) =>
        wrap(line, COLUMNS - 4 - width - indent.length).map((part, i) => (i > 0 ? `${indent}${part}` : part)),
      );
    const lines = [first, ...rest].map((line) => `${margin}${line}`);
    if (name.length > width) return [name, ...lines];
    return [`${name.padEnd(width)}  ${first}`, ...lines.slice(1)];
  });
}

/** A command line that is too long goes on after a backslash. */
function exampleLines(example: Command.Example): string[] {
  const {description, line} = exampleParts(example);
  // An option and its value stay together, and so does a redirection and its file.
  const words = `$ ${line}`.match(/--?[a-z-]+ [^\s|&<>-]\S*|[<>]+ \S+|\S+/g) ?? [];
  const lines = fill(words, COLUMNS - 10).map(
    (text, i, all) => `${i > 0 ? '    ' : ''}${text}${i < all.length - 1 ? ' \\' : ''}`,
  );
  return description === undefined ? lines : [...wrap(`${description}:`), ...lines.map((text) => `  ${text}`)];
}

function wrap(text: string, columns = COLUMNS - 2): string[] {
  return fill(text.trim().split(/\s+/), columns);
}

/** Words in lines of at most so many columns, but for a word that is longer. */
function fill(words: readonly string[], columns = COLUMNS - 6): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > columns) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

/** A command of the oclif manifest as an mdoc(7) page. Pure: the manifest in, file names and texts out. */
import type {Command, Interfaces} from '@oclif/core';
import {argName, exampleParts, flagText, flagValue, sortedFlags, spacedId, usageLines, usageParts} from './usage.js';

/** The date of the pages: change it when what the commands do changes. */
export const DATE = 'November 21, 2026';

type Manifest = Interfaces.Manifest;
type Page = [file: string, text: string];

/** The pages of all commands, but for `dek agent`, whose page dek-agent(8) is written by hand. */
export function commandPages(manifest: Manifest): Page[] {
  return Object.values(manifest.commands)
    .filter((command) => command.id !== 'agent')
    .map((command) => [`${pageName(command)}.1`, commandPage(command)]);
}

function pageName(command: Command.Cached): string {
  return ['dek', ...command.id.split(':')].join('-');
}

function commandPage(command: Command.Cached): string {
  return [
    `.Dd ${DATE}`,
    `.Dt ${pageName(command).toUpperCase()} 1`,
    '.Os',
    '.Sh NAME',
    `.Nm ${pageName(command)}`,
    `.Nd ${escapeText(command.summary ?? '')}`,
    '.Sh SYNOPSIS',
    ...synopsis(`dek ${spacedId(command)}`, command),
    '.Sh DESCRIPTION',
    ...commandParts(command),
    '.Sh EXIT STATUS',
    'The exit statuses are those of',
    '.Xr dek 1 .',
    '.Sh EXAMPLES',
    ...(command.examples ?? []).flatMap((example, i) => exampleLines(example, i === 0)),
    '.Sh SEE ALSO',
    ...seeAlso(command.id),
    '',
  ].join('\n');
}

/** Each way to use a command that is typed as `name`. */
export function synopsis(name: string, command: Command.Cached): string[] {
  return usageLines(command).flatMap((line) => [`.Nm ${name}`, ...usageParts(line).map(synopsisLine)]);
}

/** What a command does, and its arguments and options. */
export function commandParts(command: Command.Cached): string[] {
  return [
    ...paragraphs(command.description ?? ''),
    ...definitions('The arguments are:', Object.values(command.args).map(argumentItem)),
    ...definitions('The options are:', sortedFlags(command).map(flagItem)),
  ];
}

/** The pages of other sections that a command's page sends its reader to. */
const RELATED: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ['create', 'destroy', 'list', 'login', 'logout', 'query', 'run', 'status'].map((id) => [id, 'dek-agent 8']),
  ),
  ...Object.fromEntries(
    ['keygen', 'manifest:check', 'manifest:fetch', 'rewrap', 'unwrap', 'wrap'].map((id) => [id, 'dek-manifest 5']),
  ),
  ...Object.fromEntries(['seal', 'unseal'].map((id) => [id, 'dek-envelope 5'])),
};

function seeAlso(id: string): string[] {
  return RELATED[id] === undefined ? ['.Xr dek 1'] : ['.Xr dek 1 ,', `.Xr ${RELATED[id]}`];
}

/** A part of a usage line, `[--kek SOURCE]`, as one line of macros. */
function synopsisLine(part: string): string {
  const words = part.match(/[[\]()]|[^\s[\]()]+/g) ?? [];
  return `.${words.map(synopsisMacro).join(' ')}`;
}

const BRACKETS: Readonly<Record<string, string>> = {'[': 'Oo', ']': 'Oc', '(': 'Po', ')': 'Pc', '|': '|'};

function synopsisMacro(word: string): string {
  if (BRACKETS[word] !== undefined) return BRACKETS[word];
  if (/^-./.test(word) && word !== '--') return `Fl ${escapeText(word.slice(1))}`;
  if (/^[A-Z]/.test(word)) return `Ar ${escapeText(word).replace(/(?<=[A-Z])\.\.\.$/, ' ...')}`;
  if (/^[a-z]/.test(word)) return `Cm ${escapeText(word)}`;
  return word === '...' ? word : `No ${escapeText(word)}`;
}

function flagMacro(flag: Command.Flag.Cached): string {
  const both = flag.char ? `Fl ${flag.char} , Fl -${flag.name}` : `Fl -${flag.name}`;
  if (flag.type === 'boolean') return flag.allowNo ? `${both} , Fl -no-${flag.name}` : both;
  const value = flagValue(flag);
  return value === undefined ? both : `${both} Ar ${escapeText(value)}`;
}

function argumentItem(arg: Command.Arg.Cached): string[] {
  const text = arg.description ?? '';
  return [`.It Ar ${argName(arg)}`, ...(text.includes('\n') ? lineItems(text) : paragraphs(sentence(text)))];
}

function flagItem(flag: Command.Flag.Cached): string[] {
  return [`.It ${flagMacro(flag)}`, ...paragraphs(sentence(flagText(flag)))];
}

/** A text whose line breaks are its layout: an item a line. */
function lineItems(text: string): string[] {
  const items = text.split('\n').flatMap((line) => ['.It', ...wrapLine(line).map(escapeText)]);
  return ['.Bl -item -compact', ...items, '.El'];
}

function definitions(title: string, items: string[][]): string[] {
  return items.length === 0 ? [] : ['.Pp', title, '.Bl -tag -width Ds', ...items.flat(), '.El'];
}

export function exampleLines(example: Command.Example, first: boolean): string[] {
  const {description, line} = exampleParts(example);
  const intro = description === undefined ? [] : [...(first ? [] : ['.Pp']), `${escapeText(description)}:`];
  return [...intro, `.Dl $ ${escapeText(line)}`];
}

/** A help text, which starts in lower case and has no full stop, as a sentence. */
function sentence(text: string): string {
  if (text === '') return '';
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}

/** Paragraphs are divided by empty lines; mdoc wants each sentence on a line of its own. */
export function paragraphs(text: string): string[] {
  return text
    .trim()
    .split(/\n{2,}/)
    .flatMap((paragraph, i) => [
      ...(i > 0 ? ['.Pp'] : []),
      ...paragraph
        .replace(/\s+/g, ' ')
        .split(/(?<=[.!?]) (?=[A-Z])/)
        .flatMap(wrapLine)
        .map(escapeText),
    ]);
}

/** Lines that have at most 80 characters with their escapes, as mandoc likes its input. */
function wrapLine(sentence: string): string[] {
  return sentence.match(/\S.{0,70}(?=\s|$)/g) ?? [];
}

/** Text that roff takes for text: no escapes, no request at the start of a line, hyphens that can be copied. */
export function escapeText(text: string): string {
  const escaped = text.replaceAll('\\', '\\e').replaceAll('-', '\\-');
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
}

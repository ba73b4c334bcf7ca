/** A command of the oclif manifest as an mdoc(7) page. Pure: the manifest in, file names and texts out. */
import type {Command, Interfaces} from '@oclif/core';

/** The date of the pages: change it when what the commands do changes. */
const DATE = 'November 21, 2026';

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
  const flags = Object.values(command.flags).sort((a, b) => a.name.localeCompare(b.name));
  const args = Object.values(command.args);
  return [
    `.Dd ${DATE}`,
    `.Dt ${pageName(command).toUpperCase()} 1`,
    '.Os',
    '.Sh NAME',
    `.Nm ${pageName(command)}`,
    `.Nd ${escapeText(command.summary ?? '')}`,
    '.Sh SYNOPSIS',
    ...synopsis(command, args, flags),
    '.Sh DESCRIPTION',
    ...paragraphs(command.description ?? ''),
    ...definitions('The arguments are:', args.map(argumentItem)),
    ...definitions('The options are:', flags.map(flagItem)),
    '.Sh EXIT STATUS',
    'The exit statuses are those of',
    '.Xr dek 1 .',
    '.Sh EXAMPLES',
    ...(command.examples ?? []).flatMap((example, i) => exampleLines(command, example, i === 0)),
    '.Sh SEE ALSO',
    ...seeAlso(command.id),
    '',
  ].join('\n');
}

/** The pages of other sections that a command's page sends its reader to. */
const RELATED: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ['create', 'destroy', 'list', 'login', 'logout', 'query', 'run', 'status'].map((id) => [id, 'dek-agent 8']),
  ),
  ...Object.fromEntries(['keygen', 'manifest:check', 'rewrap', 'unwrap', 'wrap'].map((id) => [id, 'dek-manifest 5'])),
};

function seeAlso(id: string): string[] {
  return RELATED[id] === undefined ? ['.Xr dek 1'] : ['.Xr dek 1 ,', `.Xr ${RELATED[id]}`];
}

function synopsis(command: Command.Cached, args: Command.Arg.Cached[], flags: Command.Flag.Cached[]): string[] {
  const name = `.Nm dek ${command.id.replaceAll(':', ' ')}`;
  const usages = command.usage === undefined ? [] : [command.usage].flat();
  if (usages.length > 0) {
    return usages.map((usage) => `${name}\n.No ${escapeText(usage.replace(/^<%= command\.id %>\s*/, ''))}`);
  }
  return [
    name,
    ...flags.map((flag) => `${flag.required ? '.' : '.Op '}${flagMacro(flag)}`),
    ...args.map((arg) => `${arg.required ? '.' : '.Op '}Ar ${arg.name.toUpperCase()}${command.strict ? '' : ' ...'}`),
  ];
}

function flagMacro(flag: Command.Flag.Cached): string {
  const both = flag.char ? `Fl ${flag.char} , Fl -${flag.name}` : `Fl -${flag.name}`;
  if (flag.type === 'boolean') return flag.allowNo ? `${both} | Fl -no-${flag.name}` : both;
  const value = [flag.helpValue ?? (flag.options ? flag.options.join('|') : flag.name.toUpperCase())].flat().join(' ');
  return `${both} Ar ${escapeText(value)}`;
}

function argumentItem(arg: Command.Arg.Cached): string[] {
  const text = arg.description ?? '';
  return [`.It Ar ${arg.name.toUpperCase()}`, ...(text.includes('\n') ? lineItems(text) : paragraphs(sentence(text)))];
}

function flagItem(flag: Command.Flag.Cached): string[] {
  const fallback =
    flag.type === 'option' && flag.default && typeof flag.default !== 'object'
      ? [`The default is ${flag.default}.`]
      : [];
  const required = flag.required ? ['Required.'] : [];
  const text = [sentence(flag.summary ?? flag.description ?? ''), ...fallback, ...required].join(' ');
  return [`.It ${flagMacro(flag)}`, ...paragraphs(text)];
}

/** A text whose line breaks are its layout: an item a line. */
function lineItems(text: string): string[] {
  const items = text.split('\n').flatMap((line) => ['.It', ...wrapLine(line).map(escapeText)]);
  return ['.Bl -item -compact', ...items, '.El'];
}

function definitions(title: string, items: string[][]): string[] {
  return items.length === 0 ? [] : ['.Pp', title, '.Bl -tag -width Ds', ...items.flat(), '.El'];
}

function exampleLines(command: Command.Cached, example: Command.Example, first: boolean): string[] {
  const {description, command: line} =
    typeof example === 'string' ? {description: undefined, command: example} : example;
  const intro = description === undefined ? [] : [...(first ? [] : ['.Pp']), `${escapeText(description)}:`];
  return [...intro, `.Dl $ ${escapeText(spellOut(command, line))}`];
}

/** oclif's templates in help texts, as their values. */
function spellOut(command: Command.Cached, text: string): string {
  return text.replaceAll('<%= config.bin %>', 'dek').replaceAll('<%= command.id %>', command.id.replaceAll(':', ' '));
}

/** A help text, which starts in lower case and has no full stop, as a sentence. */
function sentence(text: string): string {
  if (text === '') return '';
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}

/** Paragraphs are divided by empty lines; mdoc wants each sentence on a line of its own. */
function paragraphs(text: string): string[] {
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

/** Lines of at most 78 characters, as mandoc likes its input. */
function wrapLine(sentence: string): string[] {
  return sentence.match(/\S.{0,76}(?=\s|$)/g) ?? [];
}

/** Text that roff takes for text: no escapes, no request at the start of a line, hyphens that can be copied. */
function escapeText(text: string): string {
  const escaped = text.replaceAll('\\', '\\e').replaceAll('-', '\\-');
  return /^[.']/.test(escaped) ? `\\&${escaped}` : escaped;
}

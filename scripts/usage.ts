/**
 * How a command and its flags are written, for its help and its man page alike. Pure: the oclif manifest in, words out.
 */
import type {Command} from '@oclif/core';

/** `device show`: the words after `dek`. */
export function spacedId(command: {id: string}): string {
  return command.id.replaceAll(':', ' ');
}

/** The flags as they are listed: by name. */
export function sortedFlags(command: Command.Cached): Command.Flag.Cached[] {
  return Object.values(command.flags).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * The words after the name of the command, one line for each way to use it: its own, else made from its arguments and
 * flags.
 */
export function usageLines(command: Command.Cached): string[] {
  if (command.usage !== undefined) return [command.usage].flat();
  const args = Object.values(command.args).map((arg) => (arg.required ? argName(arg) : `[${argName(arg)}]`));
  const [json, others] = partition(sortedFlags(command), ({name}) => name === 'json');
  const [required, optional] = partition(others, (flag) => Boolean(flag.required));
  const words = [...required.map(usageWords), ...[...optional, ...json].map((flag) => `[${usageWords(flag)}]`)];
  return [[...args, ...words].join(' ')];
}

/** `flagWords` in a line of usage, with `...` where it may be given more than once. */
function usageWords(flag: Command.Flag.Cached): string {
  const isRepeated = flag.type === 'option' && flag.multiple === true && flag.delimiter === undefined;
  return `${flagWords(flag)}${isRepeated ? '...' : ''}`;
}

/** `--output FILE`; `--json`; `--query | --no-query`. */
export function flagWords(flag: Command.Flag.Cached): string {
  if (flag.type === 'boolean' && flag.allowNo) return `--${flag.name} | --no-${flag.name}`;
  const value = flagValue(flag);
  return value === undefined ? `--${flag.name}` : `--${flag.name} ${value}`;
}

/** `FILE`; `raw|hex|base64`; undefined where the flag takes no value. */
export function flagValue(flag: Command.Flag.Cached): string | undefined {
  if (flag.type === 'boolean') return undefined;
  return [flag.helpValue ?? flag.options?.join('|') ?? flag.name.toUpperCase()].flat().join(' ');
}

/** `DIR`, `KEY=VALUE`. */
export function argName({name}: {name: string}): string {
  return name.toUpperCase();
}

/** What a flag does, with its default. */
export function flagText(flag: Command.Flag.Cached): string {
  const text = flag.description ?? '';
  const fallback = flag.type === 'option' && typeof flag.default !== 'object' ? flag.default : undefined;
  const notes = [
    ...(fallback === undefined || fallback === '' ? [] : [`default: ${fallback}`]),
    ...(flag.required ? ['required'] : []),
  ];
  return [text, ...notes.map((note) => `(${note})`)].join(' ');
}

/** An example: what it shows, if that is said, and the command line. */
export function exampleParts(example: Command.Example): {description: string | undefined; line: string} {
  if (typeof example === 'string') return {description: undefined, line: example};
  return {description: example.description, line: example.command};
}

/** A line of usage in its parts, which are not to be broken: `[--kek SOURCE]`, `--size BITS`, `NAME...`. */
export function usageParts(line: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  for (const word of line.split(' ')) {
    const last = parts.at(-1) ?? '';
    const isValue = /^--?[a-z][a-z-]*$/.test(last) && /^[A-Z]/.test(word);
    if (depth > 0 || isValue) parts[parts.length - 1] = `${last} ${word}`;
    else parts.push(word);
    depth += count(word, '[') + count(word, '(') - count(word, ']') - count(word, ')');
  }
  return parts;
}

function count(word: string, character: string): number {
  return word.split(character).length - 1;
}

function partition<T>(all: readonly T[], isFirst: (value: T) => boolean): [T[], T[]] {
  return [all.filter(isFirst), all.filter((value) => !isFirst(value))];
}

/**
 * Completion for bash, zsh and fish, static: the oclif manifest in, file names and texts out. A value is completed
 * where it is one of a few words, a file or a source of a secret; the names of DEKs and NICs are not asked for.
 */
import type {Command, Interfaces} from '@oclif/core';

type Script = [file: string, text: string];
/** How a value is completed: from a few words, as a file, as a source (`file:PATH`) of some kinds, or not at all. */
type Value = readonly string[] | Sources | 'file' | 'none';

interface Sources {
  readonly kinds: readonly string[];
}

interface Flag {
  /** `--output`, `-o` */
  readonly names: readonly string[];
  readonly description: string;
  /** undefined: it takes none. */
  readonly value: Value | undefined;
}

/** A flag of the oclif manifest that takes a value. */
type ValueFlag = Exclude<Command.Cached['flags'][string], {type: 'boolean'}>;

interface CommandLine {
  /** `device`, `list` */
  readonly words: readonly string[];
  readonly summary: string;
  readonly flags: readonly Flag[];
  /** What its arguments are. */
  readonly argument: Value;
  /** Whether a command line of another program follows `--`. */
  readonly runs: boolean;
}

/** What a word may be followed by: the topics, and the top with the words []. */
interface Topic {
  readonly words: readonly string[];
  readonly next: readonly {word: string; summary: string}[];
}

const HEAD = 'Made from the commands by `npm run completion`; not to be edited.';
/** The name of the program in a script: not that in `--log-max-deks`. */
const NAME = /(?<![a-z-])dek(?![a-z-])/g;
const FILE_VALUES = ['FILE', 'PATH'];
const FILE_ARGUMENTS = ['manifest', 'file', 'key', 'dir'];

/** Of dek, or of another program with its commands. */
export function completionScripts(manifest: Pick<Interfaces.Manifest, 'commands'>, program = 'dek'): Script[] {
  const commands = Object.values(manifest.commands)
    .map(commandLine)
    .sort((a, b) => (a.words.join(' ') < b.words.join(' ') ? -1 : 1));
  const topics = topicsOf(commands);
  const scripts: Script[] = [
    ['dek.bash', bash(commands, topics)],
    ['_dek', zsh(commands, topics)],
    ['dek.fish', fish(commands, topics)],
  ];
  return scripts.map(([file, text]) => [file.replace('dek', program), text.replaceAll(NAME, program)]);
}

function commandLine({id, summary = '', flags, args}: Command.Cached): CommandLine {
  const names = Object.keys(args);
  return {
    words: id.split(':'),
    summary,
    flags: [
      ...Object.values(flags).flatMap((flag): Flag[] => {
        const names = [`--${flag.name}`, ...(flag.char ? [`-${flag.char}`] : [])];
        const description = (flag.description ?? flag.summary ?? '').replace(/[;:(].*$/s, '').trim();
        if (flag.type !== 'boolean') return [{names, description, value: flagValue(flag)}];
        const off = {names: [`--no-${flag.name}`], description: `not --${flag.name}`, value: undefined};
        return [{names, description, value: undefined}, ...(flag.allowNo ? [off] : [])];
      }),
      {names: ['--help', '-h'], description: 'show what it does', value: undefined},
    ],
    argument: args['source']
      ? sourceOf(args['source'].description)
      : names.some((name) => FILE_ARGUMENTS.includes(name))
        ? 'file'
        : 'none',
    runs: id === 'run' || /(^|:)exec$/.test(id),
  };
}

function flagValue({options, helpValue, description}: ValueFlag): Value {
  if (options) return options;
  if (helpValue === 'SOURCE') return sourceOf(description);
  return FILE_VALUES.includes(`${helpValue}`) ? 'file' : 'none';
}

/** The kinds that a description names, `file:PATH, fd:N or cred:NAME`: `file fd cred`. */
function sourceOf(description = ''): Value {
  return {kinds: [...description.matchAll(/(?<=^|\s)([a-z][a-z0-9-]*):(?=\S)/g)].map(([, kind]) => kind!)};
}

/** `file: fd: cred:` */
function beginnings(kinds: readonly string[]): string {
  return kinds.map((kind) => `${kind}:`).join(' ');
}

function topicsOf(commands: readonly CommandLine[]): Topic[] {
  /** By the words before, the words that may follow with their summaries. */
  const nexts = new Map<string, Map<string, string>>();
  for (const {words, summary} of commands) {
    for (const [i, word] of words.entries()) {
      const before = words.slice(0, i).join(' ');
      const is = i === words.length - 1 ? summary : `commands: ${words.slice(0, i + 1).join(' ')}`;
      nexts.set(before, (nexts.get(before) ?? new Map()).set(word, is));
    }
  }
  nexts.get('')?.set('help', 'show what a command does');
  return [...nexts].map(([before, next]) => ({
    words: before === '' ? [] : before.split(' '),
    next: [...next].map(([word, summary]) => ({word, summary})),
  }));
}

function bash(commands: readonly CommandLine[], topics: readonly Topic[]): string {
  const steps = topics.flatMap(({words, next}) => next.map(({word}) => `${words.join(' ')}/${word}`));
  const values = commands.flatMap(({words, flags}) =>
    flags.flatMap(({names, value}) =>
      value === undefined
        ? []
        : [`    ${names.map((name) => `'${words.join(' ')} ${name}'`).join(' | ')}) ${bashValue(value)}; return ;;`],
    ),
  );
  const rest = commands.flatMap(({words, flags, argument}) => {
    const names = flags.flatMap(({names}) => names).join(' ');
    return [
      `    '${words.join(' ')}')`,
      `      if [[ $cur == -* ]]; then _dek_words '${names}'; else ${bashValue(argument)}; fi ;;`,
    ];
  });
  const places = topics.map(({words, next}) => {
    const nexts = [...next.map(({word}) => word), ...(words.length === 0 ? ['--help', '--version'] : [])];
    return `    '${words.join(' ')}') _dek_words '${nexts.join(' ')}' ;;`;
  });
  return `# Completion of dek for bash. ${HEAD}
_dek_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur"); }
_dek_file() { compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur"); }
_dek_source() { compopt -o nospace 2>/dev/null; _dek_words "$1"; }

_dek() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD - 1]} command='' word
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [[ $word == -- ]]; then mapfile -t COMPREPLY < <(compgen -c -f -- "$cur"); return; fi
    case $command/$word in
${steps.map((step) => `      '${step}'`).join(' | \\\n')}) command=\${command:+$command }$word ;;
    esac
  done
  # bash takes : and = for words of their own
  if [[ $cur == : || $cur == = ]]; then prev=$cur cur=''; fi
  if [[ $prev == : ]]; then _dek_file; return; fi
  if [[ $prev == = ]]; then
    prev=\${COMP_WORDS[COMP_CWORD - 1]}
    [[ $prev != = ]] || prev=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  case "$command $prev" in
${values.join('\n')}
  esac
  case $command in
${places.join('\n')}
${rest.join('\n')}
  esac
}
complete -F _dek dek
`;
}

function bashValue(value: Value): string {
  if (value === 'none') return ':';
  if (typeof value === 'string') return `_dek_${value}`;
  return isSource(value) ? `_dek_source '${beginnings(value.kinds)}'` : `_dek_words '${value.join(' ')}'`;
}

function zsh(commands: readonly CommandLine[], topics: readonly Topic[]): string {
  const described = topics.map(({words, next}) => {
    const list = next.map(({word, summary}) => `      ${zshQuote(`${word}:${summary}`)}`);
    const isThere = words.map((word, i) => ` && [[ $words[${i + 2}] == ${word} ]]`).join('');
    return `  if (( CURRENT == ${words.length + 2} ))${isThere}; then
    next=(\n${list.join('\n')}\n    )
    _describe command next
    return
  fi`;
  });
  const cases = commands.map(({words, flags, argument, runs}) => {
    const specs = flags.map(({names, description, value}) => {
      const name = names.length > 1 ? `'(${names.join(' ')})'{${names.join(',')}}` : `'${names[0]}'`;
      const text = `[${description.replaceAll(/[[\]]/g, '')}]${value === undefined ? '' : `:value:${zshValue(value)}`}`;
      return `      ${name}${zshQuote(text)}`;
    });
    const args = runs ? "'*::command:_normal'" : `'*:argument:${zshValue(argument)}'`;
    return `    '${words.join(' ')} '*)
      shift ${words.length} words; (( CURRENT -= ${words.length} ))
      _arguments \\\n${[...specs, `      ${args}`].join(' \\\n')}
      ;;`;
  });
  return `#compdef dek
# Completion of dek for zsh: put it into a directory of $fpath. ${HEAD}
_dek_source() {
  compset -P 'file:' && { _files; return }
  compadd -S '' -- \${@/%/:}
}

_dek() {
  local -a next
${described.join('\n')}
  case "$words[2] $words[3] $words[4] " in
${cases.join('\n')}
  esac
}

_dek "$@"
`;
}

function zshValue(value: Value): string {
  if (value === 'none') return ' ';
  if (value === 'file') return '_files';
  // The space keeps zsh from arguments of its own.
  return isSource(value) ? ` _dek_source ${value.kinds.join(' ')}` : `(${value.join(' ')})`;
}

function zshQuote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function fish(commands: readonly CommandLine[], topics: readonly Topic[]): string {
  const next = topics.flatMap(({words, next}) =>
    next.map(
      ({word, summary}) => `complete -c dek -n '__dek_at ${words.join(' ')}' -a ${word} -d ${fishQuote(summary)}`,
    ),
  );
  const rest = commands.flatMap(({words, flags, argument, runs}) => {
    const at = `complete -c dek -n '__dek_in ${words.join(' ')}'`;
    const ofArgument =
      runs || argument === 'file' ? [`${at} -F`] : isSource(argument) ? [`${at} ${fishSource(argument)}`] : [];
    return [
      ...flags.map(({names, description, value}) => {
        const spelled = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`));
        return `${at} ${spelled.join(' ')}${fishValue(value)} -d ${fishQuote(description)}`;
      }),
      ...ofArgument,
    ];
  });
  return `# Completion of dek for fish. ${HEAD}
function __dek_in --description 'the command is this one'
    set -l words (commandline -opc)
    set -l last (math 1 + (count $argv))
    test (count $words) -ge $last; and test "$words[2..$last]" = "$argv"
end
function __dek_at --description 'these words are there and no more'
    set -l words (commandline -opc)
    set -e words[1]
    test "$words" = "$argv"
end
complete -c dek -f
${[...next, ...rest].join('\n')}
`;
}

function isSource(value: Value): value is Sources {
  return typeof value === 'object' && 'kinds' in value;
}

function fishSource({kinds}: Sources): string {
  return `-F -a '${beginnings(kinds)}'`;
}

function fishValue(value: Value | undefined): string {
  if (value === undefined) return '';
  if (value === 'none') return ' -x';
  if (value === 'file') return ' -r -F';
  return isSource(value) ? ` -r ${fishSource(value)}` : ` -x -a '${value.join(' ')}'`;
}

function fishQuote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

/**
 * What every command shares: `--json`, errors with their exit status, and the habit that `run()` returns one value of
 * which the text is a rendering (`this.log` prints nothing under `--json`). Flags, arguments and their parser are
 * oclif's. Left out is oclif's own Command: it brings plugins, hooks and help along, which took half of a command's
 * start.
 */
import {boolean} from '@oclif/core/flags';
import {type ArgInput, type FlagInput, type Input, type ParserOutput, parse} from '@oclif/core/parser';
import {DekError} from '../errors.js';
import {assertNoStandIn, isStandIn} from '../files/descriptor.js';
import {jsonText, printable} from '../printable.js';
import {printError} from './output/print-error.js';

/** A command that can be run. */
export type CommandClass = Pick<typeof DekCommand, 'run'> & (new (argv: string[]) => DekCommand);

/** `--json`. */
export const jsonFlag = {json: boolean({description: 'print the result as JSON'})};

export abstract class DekCommand {
  /** One line, in lower case, for the list of commands. */
  static summary: string;
  static description: string;
  static examples: (string | {description: string; command: string})[];
  /**
   * The words after the name in USAGE, one line for each way to use it, where a list of the arguments and flags would
   * not do.
   */
  static usage?: string | string[];
  static args: ArgInput = {};
  static flags: FlagInput = {};
  /** Whether more arguments than `args` has are an error. */
  static strict = true;
  static enableJsonFlag = true;

  /** The words after the name of the command. */
  protected readonly argv: string[];

  constructor(argv: string[]) {
    this.argv = argv;
  }

  /**
   * Runs the command on these words; `name` is how it is typed, `dek device show`. Prints its result under `--json`, or
   * its error, and sets `process.exitCode` then.
   */
  static async run(this: CommandClass, argv: string[], name: string): Promise<void> {
    const command = new this(argv);
    try {
      const result = await command.run();
      if (!command.jsonEnabled()) return;
      // Text may be meant to go nowhere: others give a program that they start the same /dev/null as Node.
      assertNoStandIn(1, 'standard output', 'leave --json out where only the exit status is wanted');
      console.log(jsonText(result, 2));
    } catch (error) {
      printError(error, {json: command.jsonEnabled() && !isStandIn(1), command: name});
    }
  }

  /** Does the work. What it returns is what `--json` prints. */
  abstract run(): Promise<unknown>;

  /** The flags and arguments in `argv`. Throws what oclif throws; BAD_ARGUMENT when one was given and is empty. */
  protected async parse<F extends Record<string, unknown>, A extends Record<string, unknown>>(
    {flags, args, strict}: Input<F, object, A>,
    argv = this.argv,
  ): Promise<ParserOutput<F, object, A>> {
    const known = {flags: {...(this.#hasJson ? jsonFlag : {}), ...flags}, args, strict} as Input<F, object, A>;
    assertNoValues(argv, known.flags ?? {});
    const parsed = await parse(argv, known);
    assertNoneEmpty(parsed);
    return parsed;
  }

  /** Whether `--json` was asked for. It is known before the words are parsed, so that their errors come as JSON too. */
  protected jsonEnabled(): boolean {
    return this.#hasJson && beforeDashes(this.argv).includes('--json');
  }

  /** Prints a line of the result as text: a path in it begins no other. `dress` adds colours, say. */
  protected log(text: string, dress = (line: string): string => line): void {
    if (!this.jsonEnabled()) console.log(dress(printable(text)));
  }

  /** Tells the person at the terminal something that is not data: on stderr, and not under `--json`. */
  protected note(text: string): void {
    if (!this.jsonEnabled()) process.stderr.write(`${printable(text)}\n`);
  }

  get #hasJson(): boolean {
    return (this.constructor as typeof DekCommand).enableJsonFlag;
  }
}

/** What follows two dashes is no option. */
function beforeDashes(argv: readonly string[]): readonly string[] {
  const dashes = argv.indexOf('--');
  return argv.slice(0, dashes < 0 ? undefined : dashes);
}

/**
 * oclif takes `--lend=no` for `--lend`, and `no` for an argument: the contrary of what was meant. Throws BAD_ARGUMENT.
 */
function assertNoValues(argv: readonly string[], flags: FlagInput): void {
  for (const word of beforeDashes(argv)) {
    const [, name = '', no, positive = ''] = /^--((no-)?([^=]+))=/.exec(word) ?? [];
    const flag = flags[name] ?? flags[positive];
    if (flag?.type !== 'boolean' || (flags[name] === undefined && no === undefined)) continue;
    throw new DekError('BAD_ARGUMENT', `option --${name} takes no value`, {hint: `write --${name}, or leave it out`});
  }
}

/** Flags of which nothing at all is a value. */
const MAY_BE_EMPTY: readonly string[] = ['opaque'];

/**
 * A variable that is not set becomes an empty word in a script: it must not mean what leaving the word out means,
 * another agent for one. Throws BAD_ARGUMENT.
 */
function assertNoneEmpty({flags, args, argv}: Pick<ParserOutput, 'flags' | 'args' | 'argv'>): void {
  const isEmpty = (value: unknown): boolean => value === '' || (Array.isArray(value) && value.includes(''));
  const flag = Object.keys(flags).find((name) => isEmpty(flags[name]) && !MAY_BE_EMPTY.includes(name));
  const arg = Object.keys(args).find((name) => isEmpty(args[name]));
  const empty = flag === undefined ? (arg?.toUpperCase() ?? (isEmpty(argv) ? 'an argument' : undefined)) : `--${flag}`;
  if (empty === undefined) return;
  throw new DekError('BAD_ARGUMENT', `${empty} is empty`, {hint: 'was it a variable that is not set?'});
}

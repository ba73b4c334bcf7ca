/**
 * From the words on the command line to a command. Help and the version are answered by bin/start.cjs, without all
 * this.
 */
import {hideKey} from '../bytes.js';
import {hasStuck} from '../deadline.js';
import {DekError, systemCode} from '../errors.js';
import {assertRoomFor} from '../files/descriptor.js';
import {noteInherited} from '../files/inherited.js';
import type {CommandClass} from './base.js';
import {shutDoors} from './doors.js';
import {outliveTerminal} from './hang-up.js';
import {printError} from './output/print-error.js';
import {nearest} from './usage-error.js';

/** The commands of a program by their words, each loaded when it is asked for. */
export type CommandTable = Readonly<Record<string, () => Promise<{default: CommandClass}>>>;

/** The files that a command may have open at once, beside those that it starts with: as many for `dek run`. */
const FILES = 24;

/** Runs the command that `argv`, the words after the program's name, names. Sets `process.exitCode`. */
export async function runProgram(program: string, commands: CommandTable, argv: string[]): Promise<void> {
  // What runs a command of the user's passes them on: to be found before anything is opened here.
  if (argv.includes('--')) noteInherited();
  process.stdout.on('error', (error) => {
    const hasSeenEnough = systemCode(error) === 'EPIPE'; // the reader, `head` for one
    if (!hasSeenEnough) {
      process.stderr.write(`error: cannot write to standard output: ${systemCode(error) ?? error.message}\n`);
      process.exitCode = 1;
    }
    if (hasStuck()) void endNow();
    else process.exit();
  });
  outliveTerminal();
  // An agent lives on when nobody reads its log, and a command keeps its exit status.
  process.stderr.on('error', () => {});
  // No command has more than three words.
  const count = [3, 2, 1].find((words) => isCommand(commands, argv.slice(0, words)));
  if (count === undefined) {
    printError(notFound(program, commands, argv), {json: argv.includes('--json')});
    return;
  }
  const name = argv.slice(0, count).join(' ');
  try {
    await shutDoors();
    assertRoomFor(FILES);
    const {default: Command} = await commands[name]!();
    await Command.run(argv.slice(count), `${program} ${name}`);
  } catch (error) {
    printError(error, {json: argv.includes('--json')}); // of the loading: Koffi may have no module for this machine
  }
  if (hasStuck()) await endNow();
}

/** Ends the process once what it has printed is read, without waiting for what hangs. */
async function endNow(): Promise<void> {
  const {exitNow} = await import('../agent/host/ffi.js');
  for (const stream of [process.stdout, process.stderr]) await new Promise((resolve) => stream.write('', resolve));
  exitNow(Number(process.exitCode ?? 0));
}

/** Each word is one argument: a quoted "device list" is no command. */
function isCommand(commands: CommandTable, words: readonly string[]): boolean {
  return Object.hasOwn(commands, words.join(' ')) && !words.some((word) => word.includes(' '));
}

/** Names the words up to the one that is of no command, and the command or topic that was meant. */
function notFound(program: string, commands: CommandTable, argv: readonly string[]): DekError<'BAD_ARGUMENT'> {
  const asked = argv[0] === 'help' ? argv.slice(1) : argv;
  const below = (words: readonly string[]) =>
    Object.keys(commands)
      .map((name) => name.split(' '))
      .filter((name) => name.length > words.length && words.every((word, i) => word === name[i]));
  const depth = [2, 1].find((count) => asked.length >= count && below(asked.slice(0, count)).length > 0) ?? 0;
  const topic = asked.slice(0, depth);
  const words = asked.slice(0, depth + 1).map((word) => (/^\S+$/.test(word) ? hideKey(word) : `"${word}"`));
  const meant = nearest(asked[depth] ?? '', [...new Set(below(topic).map((name) => name[depth]!))]);
  const said = [program, ...topic].join(' ');
  return new DekError('BAD_ARGUMENT', `command ${words.join(' ')} not found`, {
    hint: meant === undefined ? `see: ${said} --help` : `did you mean ${said} ${meant}?`,
  });
}

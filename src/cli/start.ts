/** From process start to a command, and the end of the process when it is done. */
import {Config, flush, run} from '@oclif/core';
import {hideKey} from '../bytes.js';
import {DekError, systemCode} from '../errors.js';
import {printError} from './print-error.js';

/** Runs the command that `process.argv` names. `entry` is the path of bin/dek.cjs. Sets `process.exitCode`. */
export async function start(entry: string): Promise<void> {
  // Before the listener of oclif, which throws.
  process.stdout.prependListener('error', (error) => {
    if (systemCode(error) === 'EPIPE') process.exit(); // the reader, `head` for one, has seen enough
    process.stderr.write(`error: cannot write to standard output: ${systemCode(error) ?? error.message}\n`);
    process.exit(1);
  });
  // An agent lives on when nobody reads its log, and a command keeps its exit status.
  process.stderr.on('error', () => {});
  const argv = process.argv.slice(2);
  try {
    await run(argv[0] === 'help' ? ['--help', ...argv.slice(1)] : argv, entry);
  } catch (error) {
    const words = argv[0] === 'help' ? argv.slice(1) : argv;
    printError((await unexpectedArgument(error, words, entry)) ?? error, {json: argv.includes('--json')});
  }
  await flush();
}

/** oclif takes every word after a command without arguments for a part of its name, which is then not found. */
async function unexpectedArgument(error: unknown, words: string[], entry: string): Promise<DekError | undefined> {
  if (!(error instanceof Error) || !/^command .* not found\.?$/is.test(error.message)) return undefined;
  const config = await Config.load(entry);
  for (let length = words.length - 1; length > 0; length--) {
    const command = words.slice(0, length);
    if (!config.findCommand(command.join(':'))) continue;
    return new DekError('BAD_ARGUMENT', `unexpected argument: ${hideKey(words[length]!)}`, {
      hint: `see: dek ${command.join(' ')} --help`,
    });
  }
  return undefined;
}

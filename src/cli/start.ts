/** From process start to a command, and the end of the process when it is done. */
import {flush, run} from '@oclif/core';
import {printError} from './print-error.js';

/** Runs the command that `process.argv` names. `url` is the module URL of bin/dek.js. Sets `process.exitCode`. */
export async function start(url: string): Promise<void> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(); // the reader, `head` for one, has seen enough
    throw error;
  });
  // An agent lives on when nobody reads its log, and a command keeps its exit status.
  process.stderr.on('error', () => {});
  try {
    await run(process.argv.slice(2), url);
  } catch (error) {
    printError(error, {json: process.argv.includes('--json')});
  }
  await flush();
}

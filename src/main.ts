/** The command line `dek`, for bin/dek.cjs. */
import {runProgram} from './cli/start.js';
import {COMMANDS} from './command-table.js';

/** Runs the command that `argv`, the words after `dek`, names. Sets `process.exitCode`. */
export const main = (argv: string[]): Promise<void> => runProgram('dek', COMMANDS, argv);

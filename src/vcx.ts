/**
 * The command line `vcx` of the package virtual-connectx: `dek virtual` and nothing else, the same code.
 * scripts/vcx/make.ts makes that package.
 */
import type {CommandTable} from './cli/start.js';
import {runProgram} from './cli/start.js';

const COMMANDS: CommandTable = {
  create: () => import('./commands/virtual/create.js'),
  exec: () => import('./commands/virtual/exec.js'),
  set: () => import('./commands/virtual/set.js'),
  show: () => import('./commands/virtual/show.js'),
};

/** Runs the command that `argv`, the words after `vcx`, names. Sets `process.exitCode`. */
export const main = (argv: string[]): Promise<void> => runProgram('vcx', COMMANDS, argv);

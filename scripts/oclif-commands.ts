/** The commands as oclif takes them: those of the table, and nothing else that lies in src/commands. */
import type {CommandClass} from '../src/cli/base.js';
import {COMMANDS as TABLE} from '../src/command-table.js';

/** By their ids, the words with colons between them. */
export const COMMANDS: Record<string, CommandClass> = {};
for (const [words, load] of Object.entries(TABLE)) COMMANDS[words.replaceAll(' ', ':')] = (await load()).default;

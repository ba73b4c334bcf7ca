/** A question to the person at the terminal, whatever stdin and stdout are. */
import {closeSync, openSync, readSync, writeSync} from 'node:fs';
import {DekError} from '../errors.js';
import {printable} from '../printable.js';

/** Goes on when `yes` is the answer. Throws BAD_ARGUMENT without a terminal, and for any other answer. */
export function askYes(question: string): void {
  const terminal = openTerminal();
  try {
    writeSync(terminal, `${printable(question)} Type yes to go on: `);
    const answer = Buffer.alloc(64);
    const length = readSync(terminal, answer);
    if (answer.toString('latin1', 0, length).trim() === 'yes') return;
  } finally {
    closeSync(terminal);
  }
  throw new DekError('BAD_ARGUMENT', 'the answer was not yes: nothing was done', {
    hint: 'answer yes, or give --yes to go on without a question',
  });
}

function openTerminal(): number {
  try {
    return openSync('/dev/tty', 'r+');
  } catch (cause) {
    throw new DekError('BAD_ARGUMENT', 'this has to be confirmed, and there is no terminal to ask at', {
      hint: 'give --yes to go on without a question',
      cause,
    });
  }
}

/** One error, as text for people or JSON for programs, and the exit status that goes with it. */
import {existsSync} from 'node:fs';
import {hideKey} from '../../bytes.js';
import {DekError, errorJson, systemCode} from '../../errors.js';
import {jsonText, printable} from '../../printable.js';
import {mappedStack} from '../stack.js';
import {usageHint, usageMessage, withoutFrame} from '../usage-error.js';
import {documentOf} from './documents.js';

/**
 * Prints `error` (JSON on stdout, text on stderr) and sets `process.exitCode`. `command` is named for its help, the
 * next step of a mistake in the command line that says no better one.
 * Whatever threw it, no word is repeated that may be a key which somebody typed in a wrong place.
 */
export function printError(error: unknown, {json, command}: {json: boolean; command?: string}): void {
  if (error instanceof Error) error.message = withoutFrame(error.message);
  const thrown = error instanceof DekError ? error : foreignError(error);
  process.exitCode = thrown.exitStatus;
  const {errno, firmware} = thrown;
  const help = thrown.code === 'BAD_ARGUMENT' && command !== undefined ? `see: ${command} --help` : undefined;
  const hint = thrown.hint ?? help;
  const shown = new DekError(thrown.code, withoutKeys(thrown.message), {
    errno,
    firmware,
    hint: hint === undefined ? undefined : withoutKeys(hint),
  });
  if (json) process.stdout.write(`${jsonText(errorJson(shown), 2)}\n`);
  else {
    process.stderr.write(`error: ${printable(shown.message)}\n`);
    if (shown.hint !== undefined) process.stderr.write(`hint: ${printable(shown.hint)}\n`);
    const more = process.stderr.isTTY ? documentOf(shown.code) : undefined; // a log has no use for it
    if (more !== undefined) process.stderr.write(`see:  ${printable(more)}\n`);
    if (process.env['DEK_DEBUG']) {
      const stack = withoutKeys(mappedStack(String(error instanceof Error ? error.stack : error)));
      process.stderr.write(`${stack.split('\n').map(printable).join('\n')}\n`);
    }
  }
}

/** oclif's parse errors are the user's (status 2); anything else is a defect of ours and says so. */
function foreignError(error: unknown): DekError {
  const message = error instanceof Error ? error.message : String(error);
  if (error instanceof Error && 'syscall' in error && error.syscall === 'uv_cwd') {
    const hint = 'go to one that is there: cd /';
    return new DekError('NO_INPUT', 'the working directory was removed', {
      hint,
      errno: systemCode(error),
      cause: error,
    });
  }
  if (!(error instanceof Error && 'oclif' in error)) {
    const hint = 'this is a defect; DEK_DEBUG=1 prints where it happened';
    return new DekError('INTERNAL', message, {hint, cause: error});
  }
  return new DekError('BAD_ARGUMENT', usageMessage(message), {hint: usageHint(error), cause: error});
}

/** Empty where it was removed. */
function workingDirectory(): string {
  try {
    return process.cwd();
  } catch {
    return '';
  }
}

/** `text` without words that may be keys. What is a file is none, whatever it is called. */
function withoutKeys(text: string): string {
  const here = `${workingDirectory()}/`;
  return text.replace(/[^\s"'=,()]*[^\s"'=,():;.]/g, (word) => {
    const given = word.startsWith(here) ? word.slice(here.length) : word;
    return existsSync(word) ? word : hideKey(given) === given ? word : hideKey(given);
  });
}

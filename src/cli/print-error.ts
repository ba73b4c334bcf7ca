/** One error, as text for people or JSON for programs, and the exit status that goes with it. */
import {hideKey} from '../bytes.js';
import {DekError, errorJson} from '../errors.js';

/** Prints `error` (JSON on stdout, text on stderr) and sets `process.exitCode`. `command` is named for its help. */
export function printError(error: unknown, {json, command}: {json: boolean; command?: string}): void {
  const exit = oclifExit(error);
  if (exit?.silent) {
    process.exitCode = exit.status;
    return;
  }
  if (error instanceof Error) error.message = withoutFrame(error.message);
  const shown = error instanceof DekError ? error : foreignError(error, exit?.status, command);
  process.exitCode = shown.exitStatus;
  if (json) process.stdout.write(`${JSON.stringify(errorJson(shown), null, 2)}\n`);
  else {
    process.stderr.write(`error: ${shown.message}\n`);
    if (shown.hint !== undefined) process.stderr.write(`hint: ${shown.hint}\n`);
    if (process.env['DEK_DEBUG']) process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
  }
}

/** oclif marks its errors with an exit status; `this.exit()` and `--help` end a command by an error of code EEXIT. */
function oclifExit(error: unknown): {status: number; silent: boolean} | undefined {
  if (!(error instanceof Error) || !('oclif' in error)) return undefined;
  const {exit} = error.oclif as {exit?: number};
  return {status: exit ?? 2, silent: 'code' in error && error.code === 'EEXIT'};
}

/** oclif writes a line above and a line below what the parse function of a flag says, also when that is ours. */
function withoutFrame(message: string): string {
  return message.replace(/^Parsing (--\S+) \n\t(.*)\nSee more help with --help$/s, (_, flag: string, text: string) =>
    text.includes(flag) ? text : `${flag}: ${text}`,
  );
}

/** oclif's parse errors are the user's (status 2); anything else is a defect of ours and says so. */
function foreignError(error: unknown, oclifStatus: number | undefined, command: string | undefined): DekError {
  const message = error instanceof Error ? error.message : String(error);
  if (oclifStatus === undefined) {
    const hint = 'this is a defect of dek; DEK_DEBUG=1 prints where it happened';
    return new DekError('INTERNAL', message, {hint, cause: error});
  }
  const [first = '', ...rest] = withoutKeys(spaced(message))
    .split('\n')
    .filter((line) => !/^See more help/.test(line));
  const text = [first.charAt(0).toLowerCase() + first.slice(1), ...rest].join('\n').trimEnd();
  return new DekError('BAD_ARGUMENT', text, {hint: `see: ${command ?? 'dek'} --help`, cause: error});
}

/** oclif joins the words of a command by colons inside; people type spaces. */
function spaced(message: string): string {
  return message.replace(/^(command \S+ not found)\.?$/i, (_, text: string) => text.replaceAll(':', ' '));
}

/** oclif repeats what it does not understand. */
function withoutKeys(message: string): string {
  return message.replace(/[^\s"'=,]+/g, hideKey);
}

/** One error, as text for people or JSON for programs, and the exit status that goes with it. */
import {DekError, errorJson} from '../errors.js';
import {mappedStack} from './stack.js';
import {usageMessage, withoutFrame} from './usage-error.js';

/** Prints `error` (JSON on stdout, text on stderr) and sets `process.exitCode`. `command` is named for its help. */
export function printError(error: unknown, {json, command}: {json: boolean; command?: string}): void {
  if (error instanceof Error) error.message = withoutFrame(error.message);
  const shown = error instanceof DekError ? error : foreignError(error, command);
  process.exitCode = shown.exitStatus;
  if (json) process.stdout.write(`${JSON.stringify(errorJson(shown), null, 2)}\n`);
  else {
    process.stderr.write(`error: ${shown.message}\n`);
    if (shown.hint !== undefined) process.stderr.write(`hint: ${shown.hint}\n`);
    if (process.env['DEK_DEBUG']) {
      process.stderr.write(`${mappedStack(String(error instanceof Error ? error.stack : error))}\n`);
    }
  }
}

/** oclif's parse errors are the user's (status 2); anything else is a defect of ours and says so. */
function foreignError(error: unknown, command: string | undefined): DekError {
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof Error && 'oclif' in error)) {
    const hint = 'this is a defect of dek; DEK_DEBUG=1 prints where it happened';
    return new DekError('INTERNAL', message, {hint, cause: error});
  }
  return new DekError('BAD_ARGUMENT', usageMessage(message), {hint: `see: ${command ?? 'dek'} --help`, cause: error});
}

/** Which DEKs of the agent a command is for: `NAME...`, or `--all`. */
import type {DestroyRequest} from '../../agent/protocol.js';
import {assertDekName} from '../../dek-name.js';
import {DekError} from '../../errors.js';

/** These names, or all; `verb` is what is done to them. Throws BAD_ARGUMENT unless it is one of the two. */
export function whichDeks(names: readonly string[], all: boolean | undefined, verb: string): DestroyRequest {
  if (Boolean(all) === names.length > 0) {
    throw new DekError('BAD_ARGUMENT', `name the DEKs to ${verb}, or give --all`, {hint: 'dek list shows the names'});
  }
  names.forEach(assertDekName);
  return all ? {all} : {names};
}

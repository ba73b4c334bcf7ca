/** POST /v1/prove: lines of proofs and, at last, `{"done"}` or `{"error"}`. */
import {DekError, errorJson} from '../../errors.js';
import type {DekSet} from '../set/dek-set.js';
import {proveDeks} from '../set/prove.js';
import {JsonLines} from './json-lines.js';

/** Begins; `signal` ends it. */
export function proveAsStream(dekSet: DekSet, names: readonly string[], signal: AbortSignal): JsonLines {
  const lines = new JsonLines();
  proveDeks(dekSet, names, signal, (proofs) => lines.write({proofs}))
    .then(() => lines.write({done: true}))
    .catch((error: unknown) => {
      const shown =
        error instanceof DekError ? error : new DekError('INTERNAL', 'the agent failed at this proof', {cause: error});
      lines.write(errorJson(shown));
    })
    .finally(() => lines.end());
  return lines;
}

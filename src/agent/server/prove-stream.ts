/** POST /v1/prove: lines of proofs and, at last, `{"done"}` or `{"error"}`. */
import type {DekSet} from '../set/dek-set.js';
import {proveNames} from '../set/prove.js';
import {JsonLines} from './json-lines.js';

/** Begins; `signal` ends it. `record`: values that are missing are recorded. */
export function proveAsStream(
  dekSet: DekSet,
  names: readonly string[],
  how: {record: boolean; signal: AbortSignal},
): JsonLines {
  const lines = new JsonLines();
  const proven = proveNames(dekSet, names, {...how, tell: (proofs) => lines.write({proofs})});
  lines.endWith(
    proven.then(() => ({done: true})),
    'proof',
  );
  return lines;
}

/** POST /v1/apply: lines that say how far it is and, at last, `{"result"}` or `{"error"}`. */
import {DekError, errorJson} from '../../errors.js';
import type {ApplyRequest} from '../protocol.js';
import type {ManifestFollower} from '../set/manifest-follower.js';
import {JsonLines} from './json-lines.js';

/** Progress lines come no closer than this. */
const PROGRESS_MS = 100;

/** Begins the apply; `signal` ends it and puts everything back. */
export function applyAsStream(follower: ManifestFollower, request: ApplyRequest, signal: AbortSignal): JsonLines {
  const lines = new JsonLines();
  let next = 0;
  const progress = (done: number, total: number): void => {
    if (performance.now() < next && done < total) return;
    next = performance.now() + PROGRESS_MS;
    lines.write({progress: {done, total}});
  };
  follower
    .apply(request, {signal, progress})
    .then((result) => lines.write({result}))
    .catch((error: unknown) => {
      const shown =
        error instanceof DekError ? error : new DekError('INTERNAL', 'the agent failed at this apply', {cause: error});
      lines.write(errorJson(shown));
    })
    .finally(() => lines.end());
  return lines;
}

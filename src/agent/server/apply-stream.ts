/** POST /v1/apply: lines that say how far it is and, at last, `{"result"}` or `{"error"}`. */
import type {ApplyProgress, ApplyRequest} from '../protocol.js';
import type {ManifestFollower} from '../set/manifest-follower.js';
import {JsonLines} from './json-lines.js';

/** Progress lines come no closer than this. */
const PROGRESS_MS = 100;

/** What applies manifests. */
export type Applier = Pick<ManifestFollower, 'apply'>;

/** Begins the apply; `signal` ends it and puts everything back. */
export function applyAsStream(applier: Applier, request: ApplyRequest, signal: AbortSignal): JsonLines {
  const lines = new JsonLines();
  let next = 0;
  const progress: ApplyProgress = (done, total, step) => {
    if (performance.now() < next && done < total) return;
    next = performance.now() + PROGRESS_MS;
    lines.write({progress: {done, total, step}});
  };
  const applied = applier.apply(request, {signal, progress});
  lines.endWith(
    applied.then((result) => ({result})),
    'apply',
  );
  return lines;
}

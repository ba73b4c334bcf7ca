/** Work on many DEKs: a crew does it, one line on stderr tells how far it is, and its end knows how many there were. */
import type {Crew} from '../../bulk/jobs/crew.js';
import type {OnProgress} from '../../bulk/progress.js';
import type {KekHandle} from '../../wrap/kek-handle.js';
import {Progress} from '../output/progress.js';

/** Counts the DEKs of one part of the work: `label` says what is done to them, `total` how many there are, if known. */
export type CountDeks = (label: string, total?: number) => OnProgress;

/**
 * Calls `work` with a crew that has `keks`, and returns the count that was told last. Progress is shown if `isShown`.
 * The crew is loaded here, so that a command which is given one DEK starts without it. Throws what `work` throws.
 */
export async function withCrew(
  keks: readonly KekHandle[],
  isShown: boolean,
  work: (crew: Crew, count: CountDeks) => Promise<void>,
): Promise<number> {
  const {Crew} = await import('../../bulk/index.js');
  const progress = new Progress(isShown);
  let deks = 0;
  const count: CountDeks = (label, total) => (now) => {
    deks = now;
    progress.update(label, now, total);
  };
  try {
    await Crew.with(keks, (crew) => work(crew, count));
  } finally {
    progress.end();
  }
  return deks;
}

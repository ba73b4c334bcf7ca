/**
 * What is asked of a NIC: each leaves nothing, since what it makes goes with it, or with the context at the latest.
 * Those without a manifest come first.
 */
import {answer, type Bench, type Experiment, type Outcome, statusIn, trial} from './bench.js';
import {dataPath} from './data-path.js';
import {layouts} from './layouts.js';
import {limit} from './limit.js';
import {statuses, strangers} from './refusals.js';
import {registers} from './registers.js';
import {services} from './services.js';
import {times} from './times.js';
import {underLogin} from './under-login.js';

export const EXPERIMENTS: readonly Experiment[] = [
  strangers,
  registers,
  statuses,
  underLogin,
  layouts,
  dataPath,
  limit,
  times,
  services,
];

/** What comes of an experiment; an error that it did not expect leaves its assumptions open. */
export async function attempt(experiment: Experiment, bench: Bench): Promise<Outcome> {
  const {title, numbers} = experiment;
  try {
    return await experiment.run(bench);
  } catch (error) {
    const seen = `${title} was refused: ${statusIn(error)}`;
    return {
      answers: numbers.map((number) => answer(number, undefined, seen)),
      trials: numbers.length === 0 ? [trial(title, false, seen)] : [],
    };
  }
}

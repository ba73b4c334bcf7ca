/** How many DEKs the NIC makes: so many as it was told at most, all destroyed at once. */
import {DEK_LAYOUTS} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import type {CreateDekOptions, Dek, Device} from '../../rdma/index.js';
import {type Experiment, logIn, statusIn, trial} from './bench.js';
import {firstSubject} from './subject.js';

const WHAT = 'many DEKs at a time';
/** Between two looks at whether the NIC is full. */
const A_TIME = 64;

export const limit: Experiment = {
  title: WHAT,
  numbers: [],
  async run(bench) {
    const session = logIn(bench);
    if (typeof session === 'string') return {trials: [trial(WHAT, undefined, session)]};
    using _session = session;
    const subject = await firstSubject(bench, DEK_LAYOUTS.toReversed());
    if (typeof subject === 'string') return {trials: [trial(WHAT, undefined, subject)]};
    using _wiped = subject;
    const {nic, mostDeks} = bench;
    const made: Dek[] = [];
    const refusal = await makeMany(nic, subject.options, mostDeks, made);
    const left = (await nic.destroyDeks(made)).filter((error) => error !== undefined).length;
    const {maxDeks} = nic.readCaps();
    const room = maxDeks === 0 ? 'the NIC does not tell how many it holds' : `the NIC says that it holds ${maxDeks}`;
    const end = refusal === undefined ? 'none was refused' : `the next one was refused with ${statusIn(refusal)}`;
    const gone = left === 0 ? 'all were destroyed' : `${left} could not be destroyed, and go with the context`;
    const isAsSaid = refusal === undefined || (refusal.code === 'LIMIT' && made.length <= maxDeks);
    return {trials: [trial(WHAT, isAsSaid && left === 0, `${made.length} were made, ${end}; ${room}; ${gone}`)]};
  },
};

/** Adds to `made`; the first refusal, if there was one. */
async function makeMany(
  nic: Device,
  options: CreateDekOptions,
  most: number,
  made: Dek[],
): Promise<DekError | undefined> {
  while (made.length < most) {
    const {deks} = await nic.createDeks(new Array(Math.min(A_TIME, most - made.length)).fill(options));
    for (const dek of deks) if (!(dek instanceof DekError)) made.push(dek);
    const refusal = deks.find((dek) => dek instanceof DekError);
    if (refusal) return refusal;
  }
  return undefined;
}

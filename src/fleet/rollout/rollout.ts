/** Rollouts, as an operator begins, resumes, aborts and takes them back. */
import {DekError} from '../../errors.js';
import type {Store} from '../etcd/store.js';
import type {FleetKeys} from '../layout/keys.js';
import {BlobWriter} from '../publish/blobs.js';
import {collectGarbage, forgetOld} from '../publish/collect.js';
import {Operator, type Undertaking} from '../publish/operator.js';
import {type Delivery, type PublishRequest, prepare} from '../publish/prepare.js';
import {readHosts} from '../status/hosts.js';
import {type DriveOptions, drive} from './drive.js';
import {sourcesLast} from './order.js';
import {readPlan, writePlan} from './plan.js';
import {assertNoneOpen, isOpen, RolloutRecord, type RolloutState} from './state.js';
import {parseWaves} from './waves.js';

export interface RolloutRequest extends PublishRequest {
  /** `1,10%,50%,100%` */
  readonly waves: string;
  readonly maxUnavailable: number;
  readonly waitSeconds: number;
  readonly prove: boolean;
  readonly letGo: boolean;
  readonly keep: number;
}

/** How a rollout is driven. */
export type Driving = Pick<DriveOptions, 'signal' | 'onProgress'>;

/** Begins one and drives it. Throws what `publish` throws, BUSY while one is open, NO_INPUT where none is to move. */
export async function beginRollout(
  store: Store,
  keys: FleetKeys,
  request: RolloutRequest,
  driving: Driving,
): Promise<RolloutState> {
  return undertake(store, keys, BEGIN, async (operator, record) => {
    assertNoneOpen(record.last);
    const write = (): Promise<Planned> => planned(store, keys, operator, request);
    const {name, waves, plan, digest} = await operator.unless(driving.signal, write);
    const {prove, letGo, maxUnavailable, waitSeconds, keep, replaceKeys} = request;
    const how = {prove, letGo, maxUnavailable, waitSeconds, keep, replaceKeys};
    const at = new Date().toISOString();
    const now = {phase: 'running', wave: 0, isBack: false, why: null, by: operator.by, at} as const;
    return goForward({name, waves, plan: digest, ...how, ...now}, plan, {store, keys, operator, record, ...driving});
  });
}

interface Planned extends Pick<RolloutState, 'name' | 'waves'> {
  readonly plan: readonly Delivery[];
  /** Of the blob that lists it. */
  readonly digest: string;
}

/** Writes what each host gets, and the list of that. */
async function planned(store: Store, keys: FleetKeys, operator: Operator, request: RolloutRequest): Promise<Planned> {
  const known = await readHosts(store, keys);
  const {deliveries, name} = await prepare(store, keys, operator, known, request);
  // The way back of the last one stays.
  if (deliveries.length === 0) throw none('every host is to hold it already', 'dek fleet status tells whether it does');
  const waves = parseWaves(request.waves, deliveries.length);
  const plan = await sourcesLast(store, keys, known, deliveries);
  const writer = new BlobWriter(store, keys, operator);
  const digest = await writePlan(writer, plan);
  await writer.flush();
  return {name, waves, plan, digest};
}

/** Goes on with the one that is open, from its wave on, or back. Throws NO_INPUT when none is. */
export async function resumeRollout(store: Store, keys: FleetKeys, driving: Driving): Promise<RolloutState> {
  return undertake(store, keys, RESUME, async (operator, record) => {
    const state = openIn(record);
    const plan = await readPlan(store, keys, state.plan);
    const go = state.isBack ? goBack : goForward;
    return go(state, plan, {store, keys, operator, record, ...driving});
  });
}

/** Ends the one that is open: hosts keep what they have. Throws NO_INPUT when none is. */
export async function abortRollout(store: Store, keys: FleetKeys): Promise<RolloutState> {
  return undertake(store, keys, ABORT, async ({by}, record) => {
    const aborted = {...openIn(record), phase: 'aborted', by, at: new Date().toISOString()} as const;
    await record.write(aborted);
    return aborted;
  });
}

/**
 * Brings each host that the last rollout has reached to its fallback, all at once, and waits until they are well.
 * Throws NO_INPUT when there is none, or it had no fallback.
 */
export async function rollBack(store: Store, keys: FleetKeys, driving: Driving): Promise<RolloutState> {
  return undertake(store, keys, ROLL_BACK, async (operator, record) => {
    const {last} = record;
    if (!last || last.phase === 'rolled-back') throw none('there is no rollout to take back');
    return goBack(last, await readPlan(store, keys, last.plan), {store, keys, operator, record, ...driving});
  });
}

const BEGIN: Undertaking = {
  what: 'a rollout',
  next: 'when etcd answers again: dek fleet rollout resume, or the same again where none is open',
};
const RESUME: Undertaking = {what: 'a rollout', next: 'when etcd answers again: dek fleet rollout resume'};
const ABORT: Undertaking = {what: 'the end of a rollout', next: 'when etcd answers again: dek fleet rollout abort'};
const ROLL_BACK: Undertaking = {what: 'a rollback', next: 'when etcd answers again: dek fleet rollout rollback'};

async function undertake(
  store: Store,
  keys: FleetKeys,
  undertaking: Undertaking,
  use: (operator: Operator, record: RolloutRecord) => Promise<RolloutState>,
): Promise<RolloutState> {
  return Operator.while(store, keys, undertaking, async (operator) => {
    return use(operator, await RolloutRecord.read(store, keys, operator));
  });
}

function openIn({last}: RolloutRecord): RolloutState {
  if (isOpen(last)) return last;
  throw none('no rollout is open');
}

async function goForward(state: RolloutState, plan: readonly Delivery[], options: DriveOptions): Promise<RolloutState> {
  const {store, keys, operator} = options;
  const {waves, wave, letGo, keep} = state;
  /** No more earlier generations stay than are to be kept. */
  const finish = async (): Promise<void> => {
    const hosts = plan.map(({host}) => host);
    await forgetOld(store, keys, operator, hosts, keep);
    // A rollback may still want the plan and its fallbacks: the pointers name these.
    await collectGarbage(store, keys, operator, [state.plan]);
  };
  return drive(state, {plan, waves, wave, letGo, finish, end: 'done'}, options);
}

async function goBack(state: RolloutState, plan: readonly Delivery[], options: DriveOptions): Promise<RolloutState> {
  if (plan.some(({fallback}) => !fallback)) {
    throw none('the rollout had no fallback', 'publish a later generation with the DEKs of before');
  }
  const known = await readHosts(options.store, options.keys);
  const back = plan.flatMap(({host, target, fallback}): Delivery[] => {
    const digest = known.get(host)?.pointer?.digest;
    const isReached = digest === target.digest || digest === fallback!.digest;
    return isReached ? [{host, target: fallback!, fallback: null}] : [];
  });
  if (back.length === 0) throw none('the rollout has reached no host');
  const course = {plan: back, waves: [back.length], wave: 0, letGo: true, finish: async () => {}};
  return drive({...state, isBack: true}, {...course, end: 'rolled-back'}, options);
}

function none(message: string, hint = 'dek fleet status shows the last one'): DekError<'NO_INPUT'> {
  return new DekError('NO_INPUT', message, {hint});
}

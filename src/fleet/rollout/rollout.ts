/** Rollouts, as an operator begins, resumes, aborts and takes them back. */
import {DekError} from '../../errors.js';
import type {Store} from '../etcd/store.js';
import type {FleetKeys} from '../layout/keys.js';
import {BlobWriter} from '../publish/blobs.js';
import {collectGarbage, forgetOld} from '../publish/collect.js';
import {Operator} from '../publish/operator.js';
import {type Delivery, type PublishRequest, prepare} from '../publish/prepare.js';
import {readHosts} from '../status/hosts.js';
import {type DriveOptions, drive} from './drive.js';
import {sourcesLast} from './order.js';
import {readPlan, writePlan} from './plan.js';
import {assertNoneOpen, isOpen, type RolloutState, readRollout, writeRollout} from './state.js';
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

/** Begins one and drives it. Throws what `publish` throws, and BUSY while one is open. */
export async function beginRollout(
  store: Store,
  keys: FleetKeys,
  request: RolloutRequest,
  driving: Driving,
): Promise<RolloutState> {
  return Operator.while(store, keys, 'a rollout', async (operator) => {
    await assertNoneOpen(store, keys);
    const known = await readHosts(store, keys);
    const {deliveries, name} = await prepare(store, keys, operator, known, request);
    const waves = parseWaves(request.waves, deliveries.length);
    const plan = await sourcesLast(store, keys, known, deliveries);
    const writer = new BlobWriter(store, keys, operator);
    const digest = await writePlan(writer, plan);
    await writer.flush();
    const {prove, letGo, maxUnavailable, waitSeconds, keep, replaceKeys} = request;
    const how = {prove, letGo, maxUnavailable, waitSeconds, keep, replaceKeys};
    const at = new Date().toISOString();
    const state = {
      name,
      phase: 'running',
      waves,
      wave: 0,
      plan: digest,
      ...how,
      why: null,
      by: operator.by,
      at,
    } as const;
    return finish(await drive(state, plan, {store, keys, operator, ...driving}), plan, {store, keys, operator});
  });
}

/** Goes on with the one that is open, from its wave on. Throws NO_INPUT when none is. */
export async function resumeRollout(store: Store, keys: FleetKeys, driving: Driving): Promise<RolloutState> {
  return Operator.while(store, keys, 'a rollout', async (operator) => {
    const state = await openRollout(store, keys);
    const plan = await readPlan(store, keys, state.plan);
    return finish(await drive(state, plan, {store, keys, operator, ...driving}), plan, {store, keys, operator});
  });
}

/** Ends the one that is open: hosts keep what they have. Throws NO_INPUT when none is. */
export async function abortRollout(store: Store, keys: FleetKeys): Promise<RolloutState> {
  return Operator.while(store, keys, 'the end of a rollout', async (operator) => {
    const state = await openRollout(store, keys);
    const aborted = {...state, phase: 'aborted', by: operator.by, at: new Date().toISOString()} as const;
    await writeRollout(store, keys, operator, aborted);
    return aborted;
  });
}

/**
 * Brings each host that the last rollout has reached to its fallback, all at once, and waits until they are well.
 * Throws NO_INPUT when there is none, or it had no fallback.
 */
export async function rollBack(store: Store, keys: FleetKeys, driving: Driving): Promise<RolloutState> {
  return Operator.while(store, keys, 'a rollback', async (operator) => {
    const state = await readRollout(store, keys);
    if (!state || state.phase === 'rolled-back') throw none('there is no rollout to take back');
    const plan = await readPlan(store, keys, state.plan);
    if (plan.some(({fallback}) => !fallback)) {
      throw none('the rollout had no fallback', 'publish a later generation with the DEKs of before');
    }
    const known = await readHosts(store, keys);
    const reached = plan.filter(({host, target, fallback}) => {
      const digest = known.get(host)?.pointer?.digest;
      return digest === target.digest || digest === fallback!.digest;
    });
    if (reached.length === 0) throw none('the rollout has reached no host');
    const back = reached.map(({host, fallback}): Delivery => ({host, target: fallback!, fallback: null}));
    const way = {...state, waves: [back.length], wave: 0, letGo: true};
    const ended = await drive(way, back, {store, keys, operator, ...driving});
    const over = {...state, phase: ended.phase === 'done' ? 'rolled-back' : ended.phase, why: ended.why} as const;
    await writeRollout(store, keys, operator, over);
    return over;
  });
}

async function openRollout(store: Store, keys: FleetKeys): Promise<RolloutState> {
  const state = await readRollout(store, keys);
  if (isOpen(state)) return state;
  throw none('no rollout is open');
}

/** What a rollout leaves when it is done: no more earlier generations than are to be kept. */
async function finish(
  state: RolloutState,
  plan: readonly Delivery[],
  {store, keys, operator}: Pick<DriveOptions, 'store' | 'keys' | 'operator'>,
): Promise<RolloutState> {
  if (state.phase !== 'done') return state;
  const forgotten = await forgetOld(
    store,
    keys,
    operator,
    plan.map(({host}) => host),
    state.keep,
  );
  // A rollback may still want the plan and its fallbacks: the pointers name these.
  if (forgotten > 0) await collectGarbage(store, keys, operator, [state.plan]);
  return state;
}

function none(message: string, hint = 'dek fleet status shows the last one'): DekError<'NO_INPUT'> {
  return new DekError('NO_INPUT', message, {hint});
}

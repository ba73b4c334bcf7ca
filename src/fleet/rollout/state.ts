/** A rollout as the store has it, so that any operator's machine goes on where another has stopped. */
import {DekError} from '../../errors.js';
import {isInstant} from '../../manifest/fields/edition.js';
import type {Store} from '../etcd/store.js';
import {HEX_32_BYTES, jsonBytes, LINE, Members, malformed, parseJson} from '../layout/json.js';
import type {FleetKeys} from '../layout/keys.js';
import type {Guard} from '../publish/blobs.js';

/**
 * running: somebody drives it, or was ended. stopped: it waits for a person. done, aborted, rolled-back: it is over;
 * hosts keep what they had then.
 */
export type RolloutPhase = 'running' | 'stopped' | 'done' | 'aborted' | 'rolled-back';

export interface RolloutState {
  /** The file that it was started with. */
  readonly name: string;
  readonly phase: RolloutPhase;
  /** Hosts that have been reached at the end of each wave. */
  readonly waves: readonly number[];
  /** The wave of now, from 0 on. */
  readonly wave: number;
  /** The blob that lists the blobs with what each host gets (plan.ts). */
  readonly plan: string;
  readonly prove: boolean;
  readonly letGo: boolean;
  /** So many hosts of those reached may be unwell. */
  readonly maxUnavailable: number;
  /** How long a wave may take to become well. */
  readonly waitSeconds: number;
  readonly keep: number;
  readonly replaceKeys: readonly string[];
  /** Why it has stopped. */
  readonly why: string | null;
  readonly by: string;
  readonly at: string;
}

const KIND = 'dek-fleet-rollout';
const PHASE = /^(running|stopped|done|aborted|rolled-back)$/;

/** The last one; null: there was none. */
export async function readRollout(store: Store, keys: FleetKeys): Promise<RolloutState | null> {
  const kv = await store.get(keys.rollout);
  return kv && parseRollout(kv.value);
}

export async function writeRollout(store: Store, keys: FleetKeys, guard: Guard, state: RolloutState): Promise<void> {
  const put = {put: keys.rollout, value: jsonBytes({[KIND]: 1, ...state})};
  const {succeeded} = await store.txn({compare: [guard.compare], success: [put]});
  if (!succeeded) await guard.lost();
}

/** Whether hosts may still get something from it. */
export function isOpen(state: RolloutState | null): state is RolloutState {
  return state !== null && (state.phase === 'running' || state.phase === 'stopped');
}

/**
 * The last one, which is over, or null. Throws BUSY while one is open: what it would bring next might be older than
 * what is published.
 */
export async function assertNoneOpen(store: Store, keys: FleetKeys): Promise<RolloutState | null> {
  const state = await readRollout(store, keys);
  if (!isOpen(state)) return state;
  throw new DekError('BUSY', `the rollout of ${state.name} is ${state.phase}, in wave ${state.wave + 1}`, {
    hint: 'dek fleet rollout resume, abort or rollback',
  });
}

function parseRollout(bytes: Uint8Array): RolloutState {
  const what = 'the state of the rollout';
  const json = parseJson(bytes, KIND, what);
  const members = new Members(json, what);
  const waves = members.list('waves');
  const replaceKeys = members.list('replaceKeys');
  if (!waves.every((wave): wave is number => Number.isSafeInteger(wave))) throw malformed(what, 'has no good "waves"');
  if (!replaceKeys.every((name): name is string => typeof name === 'string')) {
    throw malformed(what, 'has no good "replaceKeys"');
  }
  if (!isInstant(json['at'])) throw malformed(what, 'has no good "at"');
  return {
    name: members.text('name', LINE),
    phase: members.text('phase', PHASE) as RolloutPhase,
    waves,
    wave: members.count('wave'),
    plan: members.text('plan', HEX_32_BYTES),
    prove: members.flag('prove'),
    letGo: members.flag('letGo'),
    maxUnavailable: members.count('maxUnavailable'),
    waitSeconds: members.count('waitSeconds'),
    keep: members.count('keep'),
    replaceKeys,
    why: members.orNull('why', LINE),
    by: members.text('by', LINE),
    at: json['at'],
  };
}

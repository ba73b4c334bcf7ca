/** A rollout as the store has it, so that any operator's machine goes on where another has stopped. */
import {equalBytes} from '../../bytes.js';
import {DekError} from '../../errors.js';
import {isInstant} from '../../manifest/fields/edition.js';
import type {KeyValue} from '../etcd/messages.js';
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
  /** Whether it is being taken back, or was: hosts that were reached go to their fallback, all at once. */
  readonly isBack: boolean;
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
export async function readRollout(store: Store, keys: FleetKeys, signal?: AbortSignal): Promise<RolloutState | null> {
  const kv = await store.get(keys.rollout, {signal});
  return kv && parseRollout(kv.value);
}

/**
 * The rollout in the hands of one who changes it, by a compare each time: a member that was paused does what it was
 * asked for long ago when it wakes up, and must not put an earlier state in the place of a later one.
 */
export class RolloutRecord {
  readonly #store: Store;
  readonly #key: string;
  readonly #guard: Guard;
  #revision: number;
  /** The last one; null: there was none. */
  readonly last: RolloutState | null;

  private constructor(store: Store, key: string, guard: Guard, kv: KeyValue | null) {
    [this.#store, this.#key, this.#guard, this.#revision] = [store, key, guard, kv?.modRevision ?? 0];
    this.last = kv && parseRollout(kv.value);
  }

  static async read(store: Store, keys: FleetKeys, guard: Guard): Promise<RolloutRecord> {
    return new RolloutRecord(store, keys.rollout, guard, await store.get(keys.rollout));
  }

  async write(state: RolloutState): Promise<void> {
    const [key, value] = [this.#key, jsonBytes({[KIND]: 1, ...state})];
    const {succeeded, revision, found} = await this.#store.txn({
      compare: [this.#guard.compare, {key, modRevision: this.#revision}],
      success: [{put: key, value}],
      failure: [{get: key}],
    });
    const [kv] = found;
    // A member that gave no answer may have done it.
    const isThere = succeeded || (kv && equalBytes(kv.value, value));
    if (!isThere) return this.#guard.lost('the state of the rollout was changed by another');
    this.#revision = succeeded ? revision : kv!.modRevision;
  }
}

/** Whether hosts may still get something from it. */
export function isOpen(state: RolloutState | null): state is RolloutState {
  return state !== null && (state.phase === 'running' || state.phase === 'stopped');
}

/**
 * The last one, which is over, or null. Throws BUSY while one is open: what it would bring next might be older than
 * what is published.
 */
export function assertNoneOpen(state: RolloutState | null): RolloutState | null {
  if (!isOpen(state)) return state;
  const {name, phase, wave, isBack} = state;
  const what = isBack
    ? `the rollback of ${name} is ${phase}`
    : `the rollout of ${name} is ${phase}, in wave ${wave + 1}`;
  throw new DekError('BUSY', what, {
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
    isBack: members.flag('isBack'),
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

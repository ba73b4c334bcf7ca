/**
 * Drives a rollout: a wave is moved, and the next one when all hosts that were reached are well, but for so many as
 * may be unwell. It stops, and says why, when a wave is not well in time, or when more hosts than that refuse what
 * they got.
 */
import {setTimeout as pause} from 'node:timers/promises';
import {DekError} from '../../errors.js';
import type {Store} from '../etcd/store.js';
import type {FleetKeys} from '../layout/keys.js';
import {Tables} from '../publish/heirs.js';
import {type Move, moveHosts, moveTo} from '../publish/move.js';
import {Obstacles} from '../publish/obstacles.js';
import type {Operator} from '../publish/operator.js';
import type {Delivery} from '../publish/prepare.js';
import {type FleetHost, hostOf, readHosts} from '../status/hosts.js';
import {whyNotWell} from '../status/wellness.js';
import type {RolloutRecord, RolloutState} from './state.js';

/** How often the hosts are looked at. */
const LOOK_MS = 1000;
/** A refusal is believed when it has lasted: a host may have been between two tries. */
const REFUSAL_MS = 15_000;

/** What is brought to which hosts. */
export interface Course {
  readonly plan: readonly Delivery[];
  /** Hosts that have been reached at the end of each wave, and the wave to begin with. */
  readonly waves: readonly number[];
  readonly wave: number;
  /** A host may lose DEKs that another has got and not proven. */
  readonly letGo: boolean;
  /** What is left to do when all are well. */
  readonly finish: () => Promise<void>;
  /** The phase at its end. */
  readonly end: 'done' | 'rolled-back';
}

export interface DriveOptions {
  readonly store: Store;
  readonly keys: FleetKeys;
  readonly operator: Operator;
  readonly record: RolloutRecord;
  /** Ends the driving: the rollout is stopped then. */
  readonly signal: AbortSignal;
  /** Hosts that are well, of those reached. */
  readonly onProgress: (wave: number, well: number, reached: number) => void;
}

/** The state in which it is then: at its end, or stopped. */
export async function drive(state: RolloutState, course: Course, options: DriveOptions): Promise<RolloutState> {
  const {operator, record, signal} = options;
  const {plan, waves, letGo, finish, end} = course;
  let now: RolloutState = {...state, phase: 'running', why: null, by: operator.by};
  const write = async (change: Partial<RolloutState>): Promise<void> => {
    now = {...now, ...change, at: new Date().toISOString()};
    await record.write(now);
  };
  await write({});
  for (let wave = course.wave; wave < waves.length; wave++) {
    if (wave > course.wave) await write({wave});
    const why = await driveWave({...now, wave, letGo}, plan.slice(0, waves[wave]), options);
    if (why === undefined) continue;
    await write({phase: 'stopped', why: signal.aborted ? 'it was interrupted' : why});
    return now;
  }
  await finish();
  await write({phase: end});
  return now;
}

/** Why it cannot go on; undefined: the wave is well. */
async function driveWave(
  {wave, waitSeconds, maxUnavailable, prove, letGo, replaceKeys}: RolloutState,
  reached: readonly Delivery[],
  {store, keys, operator, signal, onProgress}: DriveOptions,
): Promise<string | undefined> {
  const end = performance.now() + waitSeconds * 1000;
  const refusedSince = new Map<string, number>();
  const tables = new Tables(store, keys);
  for (let looks = 0; ; looks++) {
    const known = await readHosts(store, keys, signal).catch(unlessAborted(signal));
    if (!known) return 'it was interrupted';
    const obstacles = new Obstacles(tables, known, letGo);
    const moves: Move[] = [];
    const unwell = new Map<string, string>();
    for (const delivery of reached) {
      const from = hostOf(known, delivery.host);
      const hasIt = from.pointer?.digest === delivery.target.digest;
      const why = hasIt ? whyNotWell(from, {prove}) : await obstacles.of(delivery);
      // A host that has refused it tries again when it is told once more: the reason may be gone.
      const isToTry = hasIt && looks === 0 && from.report !== null && from.report.why !== null;
      if (isToTry || (!hasIt && why === undefined)) moves.push(moveTo(from, delivery, replaceKeys, operator.by));
      if (why !== undefined || !hasIt) unwell.set(delivery.host, why ?? 'it does not hold it yet');
      noteRefusal(refusedSince, from, hasIt && why !== undefined);
    }
    await moveHosts(store, keys, operator, moves);
    onProgress(wave + 1, reached.length - unwell.size, reached.length);
    if (moves.length === 0 && unwell.size <= maxUnavailable) return undefined;
    const refusals = [...refusedSince].filter(([, since]) => performance.now() - since >= REFUSAL_MS);
    if (refusals.length > maxUnavailable) return wordsOf(new Map(refusals.map(([host]) => [host, unwell.get(host)!])));
    if (performance.now() >= end) return wordsOf(unwell);
    await pause(LOOK_MS, undefined, {signal}).catch(() => {});
    if (signal.aborted) return 'it was interrupted';
  }
}

function noteRefusal(refusedSince: Map<string, number>, {host, report}: FleetHost, isUnwell: boolean): void {
  if (!isUnwell || !report?.why) refusedSince.delete(host);
  else if (!refusedSince.has(host)) refusedSince.set(host, performance.now());
}

/** The first of them, and how many more. */
function wordsOf(unwell: ReadonlyMap<string, string>): string {
  const [[host, why] = ['a host', 'untold']] = unwell;
  const more = unwell.size <= 1 ? '' : ` (and ${unwell.size - 1} more)`;
  return `${host}: ${why}${more}`.slice(0, 480);
}

function unlessAborted(signal: AbortSignal): (error: unknown) => undefined {
  return (error) => {
    if (signal.aborted && error instanceof DekError) return undefined;
    throw error;
  };
}

/** A fleet, again and again as it changes. */
import {setTimeout as pause} from 'node:timers/promises';
import {ChildSignal} from '../../child-signal.js';
import {Compacted} from '../etcd/failure.js';
import type {Keys} from '../etcd/messages.js';
import type {Store} from '../etcd/store.js';
import {StoreAway} from '../etcd/store-away.js';
import type {FleetKeys} from '../layout/keys.js';
import {type RolloutState, readRollout} from '../rollout/state.js';
import {type FleetHost, readHosts} from './hosts.js';

/** Ten thousand hosts that change within a second are one change. */
const PACE_MS = 1000;

/** How a fleet is. */
export interface FleetView {
  readonly hosts: ReadonlyMap<string, FleetHost>;
  readonly rollout: RolloutState | null;
}

/**
 * How it is now, and after each change, until the signal fires; or why the store cannot be asked for now: it is asked
 * again, once it has been there. Throws what reading it throws.
 */
export async function* followFleet(
  store: Store,
  keys: FleetKeys,
  signal: AbortSignal,
): AsyncGenerator<FleetView | StoreAway, void> {
  let wasThere = false;
  while (!signal.aborted) {
    try {
      const {revision} = await store.read(keys.operator, {signal});
      const hosts = await readHosts(store, keys, signal);
      yield {hosts, rollout: await readRollout(store, keys, signal)};
      wasThere = true;
      await changed(store, keys, revision, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof StoreAway && wasThere)) throw error;
      yield error;
    }
    await pause(PACE_MS, undefined, {signal}).catch(() => {});
  }
}

/** Resolves at the first change of a pointer, a report or the rollout after this revision, and when a watch is lost. */
async function changed(store: Store, keys: FleetKeys, revision: number, signal: AbortSignal): Promise<void> {
  const seen = new ChildSignal(signal);
  const onLost = (why: string | undefined): void => {
    if (why !== undefined) seen.end();
  };
  const first = async (of: Keys): Promise<void> => {
    for await (const _ of store.watch(of, revision, {signal: seen.signal, onLost})) break;
    seen.end();
  };
  try {
    await Promise.all([first({prefix: keys.hosts}), first({prefix: keys.statuses}), first({key: keys.rollout})]);
  } catch (error) {
    if (!(error instanceof Compacted)) throw error;
  } finally {
    seen.end();
  }
}

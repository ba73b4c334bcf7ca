/** All hosts of a fleet, again and again as they change. */
import {setTimeout as pause} from 'node:timers/promises';
import {ChildSignal} from '../../child-signal.js';
import {Compacted} from '../etcd/failure.js';
import type {Store} from '../etcd/store.js';
import type {FleetKeys} from '../layout/keys.js';
import {type FleetHost, readHosts} from './hosts.js';

/** Ten thousand hosts that change within a second are one change. */
const PACE_MS = 1000;

/** How they are now, and after each change, until the signal fires. Throws what reading them throws. */
export async function* followHosts(
  store: Store,
  keys: FleetKeys,
  signal: AbortSignal,
): AsyncGenerator<ReadonlyMap<string, FleetHost>, void> {
  while (!signal.aborted) {
    try {
      const {revision} = await store.read(keys.operator, {signal});
      yield await readHosts(store, keys, signal);
      await changed(store, keys, revision, signal);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    await pause(PACE_MS, undefined, {signal}).catch(() => {});
  }
}

/** Resolves at the first change of a pointer or a report after this revision. */
async function changed(store: Store, keys: FleetKeys, revision: number, signal: AbortSignal): Promise<void> {
  const seen = new ChildSignal(signal);
  const first = async (prefix: string): Promise<void> => {
    for await (const _ of store.watch({prefix}, revision, {signal: seen.signal})) break;
    seen.end();
  };
  try {
    await Promise.all([first(keys.hosts), first(keys.statuses)]);
  } catch (error) {
    if (!(error instanceof Compacted)) throw error;
  } finally {
    seen.end();
  }
}

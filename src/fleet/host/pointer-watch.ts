/**
 * What this host is to hold, as it changes: by a watch, and by a look now and then, in case that a watch has missed
 * something.
 */
import {setTimeout as pause} from 'node:timers/promises';
import {ChildSignal} from '../../child-signal.js';
import {Compacted} from '../etcd/failure.js';
import type {KeyValue} from '../etcd/messages.js';
import type {Store} from '../etcd/store.js';
import type {FleetKeys} from '../layout/keys.js';

/** Between two looks, and up to half as much more: hosts do not look all at once. */
const LOOK_MS = 300_000;
/** Before another try when the store is away or refuses; up to twice as much. */
const RETRY_MS = 5000;

export interface PointerWatch {
  readonly host: string;
  readonly signal: AbortSignal;
  /** Why the store cannot be used; undefined: it can, as before. */
  readonly onLost: (why: string | undefined) => void;
}

/** The pointer of the host, null for none: now, and each time that it was written. Ends when the signal fires. */
export async function* pointersOf(
  store: Store,
  keys: FleetKeys,
  {host, signal, onLost}: PointerWatch,
): AsyncGenerator<KeyValue | null, void> {
  const key = keys.wanted(host);
  let seen = -1;
  while (!signal.aborted) {
    const look = new ChildSignal(signal, LOOK_MS * (1 + Math.random() / 2));
    try {
      const {revision, kv} = await store.read(key, {signal});
      onLost(undefined);
      const modRevision = kv?.modRevision ?? 0;
      if (modRevision !== seen) yield kv;
      seen = modRevision;
      for await (const {events} of store.watch({key}, revision, {signal: look.signal, onLost})) {
        const {isDelete, kv: written} = events.at(-1)!;
        seen = isDelete ? 0 : written.modRevision;
        yield isDelete ? null : written;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Compacted) continue;
      onLost((error as Error).message);
      await pause(RETRY_MS * (1 + Math.random()), undefined, {signal}).catch(() => {});
    } finally {
      look.end();
    }
  }
}

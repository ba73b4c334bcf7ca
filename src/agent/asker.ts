/** Who asked for what the agent does, for the audit: whoever waits for it, by the signal that ends the wait. */

/** A process, and its user. */
export interface Asker {
  readonly uid: number;
  readonly pid: number;
}

const askers = new WeakMap<AbortSignal, Asker>();

/** From now on what is done under `signal` is done for this process. */
export function askedBy(signal: AbortSignal, asker: Asker | undefined): AbortSignal {
  if (asker) askers.set(signal, {uid: asker.uid, pid: asker.pid});
  return signal;
}

/** For whom it is done: without a signal of somebody's, for the agent itself. */
export function askerOf(signal: AbortSignal | undefined): Asker {
  return (signal && askers.get(signal)) ?? {uid: process.geteuid?.() ?? 0, pid: process.pid};
}

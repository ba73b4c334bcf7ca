/** The signals that ask a long-running command to end in good order. */
import {hearSignals, raiseAgain} from '../../signals.js';

const STOPPING = ['SIGTERM', 'SIGINT'] as const;

/** Resolves at the first of them; later ones change nothing, so that the clean-up runs to its end. */
export function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of STOPPING) process.on(signal, resolve);
  });
}

/**
 * Calls `body` with a signal that fires at the first SIGINT, SIGTERM or SIGHUP; the second ends the process at once.
 * When `body` rejects after the first, that is raised again: the process ends by it then.
 */
export async function untilSignal<T>(body: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  let first: NodeJS.Signals | undefined;
  const end = (signal: NodeJS.Signals | undefined): void => {
    letGo();
    raiseAgain(signal);
  };
  const letGo = hearSignals((signal) => {
    if (first !== undefined) return end(signal);
    first = signal;
    if (process.stderr.isTTY) process.stderr.write('\nit stops in good order; Ctrl-C once more ends it at once\n');
    stop.abort();
  });
  try {
    return await body(stop.signal);
  } catch (error) {
    end(first);
    throw error;
  } finally {
    letGo();
  }
}

/** Holds back the signals that end a process, while something must not be left half done. */
import {setImmediate as turnOfTheLoop} from 'node:timers/promises';

const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Calls `body` with SIGINT, SIGTERM and SIGHUP held back. The first of them aborts `interrupted`, and when `body` has settled
 * it is raised again: the process ends by it then, unless others listen for it.
 */
export async function holdSignals<T>(body: (interrupted: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let held: NodeJS.Signals | undefined;
  const hold = (signal: NodeJS.Signals): void => {
    held ??= signal;
    controller.abort();
  };
  for (const signal of ENDING) process.on(signal, hold);
  try {
    return await body(controller.signal);
  } finally {
    // What came by now is told when the loop polls: at the end of this turn, or in the next.
    for (let turns = 0; turns < 2; turns++) await turnOfTheLoop();
    for (const signal of ENDING) process.off(signal, hold);
    if (held !== undefined && process.listenerCount(held) === 0) process.kill(process.pid, held);
  }
}

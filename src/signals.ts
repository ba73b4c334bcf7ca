/** Holds back the signals that end a process, while something must not be left half done. */
import {setImmediate as turnOfTheLoop} from 'node:timers/promises';

/** The signals that end a process, and that it can hold back. */
export const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Calls `body` with SIGINT, SIGTERM and SIGHUP held back. When it has settled, the first that came is raised again: the
 * process ends by it then, unless others listen for it. `interrupted` tells whether one has come by now.
 */
export async function holdSignals<T>(body: (interrupted: () => Promise<boolean>) => Promise<T>): Promise<T> {
  let held: NodeJS.Signals | undefined;
  const hold = (signal: NodeJS.Signals): void => {
    held ??= signal;
  };
  const first = async (): Promise<NodeJS.Signals | undefined> => {
    // A signal is told when the event loop polls: at the end of this turn, or in the next.
    for (let turns = 0; turns < 2; turns++) await turnOfTheLoop();
    return held;
  };
  for (const signal of ENDING) process.on(signal, hold);
  try {
    return await body(async () => (await first()) !== undefined);
  } finally {
    const signal = await first();
    for (const signal of ENDING) process.off(signal, hold);
    if (signal !== undefined && process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  }
}

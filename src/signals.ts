/** Holds back the signals that end a process, while something must not be left half done. */
import {setImmediate as turnOfTheLoop} from 'node:timers/promises';

/** The signals that end a process, and that it can hold back. */
const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

type Hear = (signal: NodeJS.Signals) => void;

/** Who hears of them now. One listener of the process tells all, so that there may be any number. */
const hearing = new Set<Hear>();
const tell: Hear = (signal) => {
  for (const hear of hearing) hear(signal);
};

/** From here on SIGINT, SIGTERM and SIGHUP do not end the process, and go to `hear`, until the result is called. */
export function hearSignals(hear: Hear): () => void {
  if (hearing.size === 0) for (const signal of ENDING) process.on(signal, tell);
  hearing.add(hear);
  return () => {
    if (hearing.delete(hear) && hearing.size === 0) for (const signal of ENDING) process.off(signal, tell);
  };
}

/** Raises one that was held back: the process ends by it, unless others listen for it. */
export function raiseAgain(signal: NodeJS.Signals | undefined): void {
  if (signal !== undefined && process.listenerCount(signal) === 0) process.kill(process.pid, signal);
}

/**
 * Calls `body` with SIGINT, SIGTERM and SIGHUP held back. When it has settled, the first that came is raised again: the
 * process ends by it then, unless others listen for it. `interrupted` tells whether one has come by now.
 */
export async function holdSignals<T>(body: (interrupted: () => Promise<boolean>) => Promise<T>): Promise<T> {
  let held: NodeJS.Signals | undefined;
  const first = async (): Promise<NodeJS.Signals | undefined> => {
    // A signal is told when the event loop polls: at the end of this turn, or in the next.
    for (let turns = 0; turns < 2; turns++) await turnOfTheLoop();
    return held;
  };
  const letGo = hearSignals((signal) => {
    held ??= signal;
  });
  try {
    return await body(async () => (await first()) !== undefined);
  } finally {
    const signal = await first();
    letGo();
    raiseAgain(signal);
  }
}

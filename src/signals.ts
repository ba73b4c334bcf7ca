/** Signals that end a process: which of them it ignores, and how they wait while something must not be left half done. */
import {readFileSync} from 'node:fs';
import {constants} from 'node:os';
import {setImmediate as turnOfTheLoop} from 'node:timers/promises';

const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Calls `body` with SIGINT, SIGTERM and SIGHUP held back. When it has settled, the first that came is raised again: the
 * process ends by it then, unless others listen for it. One that is ignored stays ignored. `interrupted` tells whether one has come by now.
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
  const signals = ENDING.filter((signal) => !isIgnored(signal));
  for (const signal of signals) process.on(signal, hold);
  try {
    return await body(async () => (await first()) !== undefined);
  } finally {
    const signal = await first();
    for (const signal of signals) process.off(signal, hold);
    if (signal !== undefined && process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  }
}

/**
 * Whether this process ignores `signal`, as nohup(1) wants it for SIGHUP; a handler would undo that. proc(5): SigIgn in
 * /proc/PID/status is a mask in hex, bit n - 1 for signal n.
 */
export function isIgnored(signal: NodeJS.Signals): boolean {
  const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0';
  return ((BigInt(`0x${mask}`) >> BigInt(constants.signals[signal] - 1)) & 1n) === 1n;
}

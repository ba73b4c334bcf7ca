/** The signals that ask a long-running command to end in good order. */
import {readFileSync} from 'node:fs';
import {constants} from 'node:os';

const STOPPING = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/**
 * Resolves at the first of them; later ones change nothing, so that the clean-up runs to its end. One that was ignored when
 * this process started, as nohup(1) does with SIGHUP, stays ignored.
 */
export function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of STOPPING) if (!isIgnored(signal)) process.on(signal, resolve);
  });
}

/** proc(5): SigIgn in /proc/PID/status is a mask in hex, bit n - 1 for signal n. */
function isIgnored(signal: (typeof STOPPING)[number]): boolean {
  const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0';
  return ((BigInt(`0x${mask}`) >> BigInt(constants.signals[signal] - 1)) & 1n) === 1n;
}

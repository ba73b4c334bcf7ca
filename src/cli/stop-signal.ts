/** The signals that ask a long-running command to end in good order. */
import {isIgnored} from '../signals.js';

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

/** The signals that ask a long-running command to end in good order. */

const STOPPING = ['SIGTERM', 'SIGINT'] as const;

/** Resolves at the first of them; later ones change nothing, so that the clean-up runs to its end. */
export function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of STOPPING) process.on(signal, resolve);
  });
}

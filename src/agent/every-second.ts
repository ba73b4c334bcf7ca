/** What the agent looks at once a second. */

const SECOND_MS = 1000;

/** Looks again and again, one look at a time, and tells how it went. Returns the way to end that. */
export function everySecond(look: () => Promise<void>, tell: (error: Error | undefined) => void): () => void {
  let busy = false;
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    look()
      .then(() => tell(undefined), tell)
      .finally(() => {
        busy = false;
      });
  }, SECOND_MS).unref();
  return () => clearInterval(timer);
}

/** The one way in which tests wait for what happens elsewhere: by looking again and again. */
import {setTimeout as pause} from 'node:timers/promises';

/** The last resort against a test that hangs, shorter than mocha's; nothing is measured by it. */
const PATIENCE_MS = 100_000;
/** From the first look on the pauses grow, so that what comes soon is seen soon and long waits cost little. */
const PAUSES_MS = {first: 1, growth: 1.3, longest: 20};

/** Waits until `condition` holds; throws, with `what` was waited for, when it does not come true. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string | (() => string) = `${condition}`,
): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  for (let ms = PAUSES_MS.first; performance.now() < end; ms = Math.min(ms * PAUSES_MS.growth, PAUSES_MS.longest)) {
    if (await condition()) return;
    await pause(ms);
  }
  throw new Error(`it did not come true within ${PATIENCE_MS / 1000} s: ${typeof what === 'string' ? what : what()}`);
}

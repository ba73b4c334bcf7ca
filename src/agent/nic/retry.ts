/** Trying again what the NIC refused only for now: EAGAIN and EBUSY, which are BUSY here whatever the call. */
import {setTimeout as pause} from 'node:timers/promises';
import {DekError} from '../../errors.js';

const ATTEMPTS = 8;
const FIRST_PAUSE_MS = 5;

/**
 * Runs a batch and tries its BUSY items again, up to eight times in about a second, after pauses that double and differ
 * at random, so that many hosts do not come back at once. The results stand in the order of the items.
 */
export async function retryBusy<Item, Result>(
  items: readonly Item[],
  run: (items: readonly Item[]) => Promise<readonly (Result | DekError)[]>,
): Promise<readonly (Result | DekError)[]> {
  let results = await run(items);
  for (let attempt = 1; attempt < ATTEMPTS && results.some(isBusy); attempt++) {
    const again = [...items.keys()].filter((i) => isBusy(results[i]));
    await pause(FIRST_PAUSE_MS * 2 ** attempt * (0.5 + Math.random()));
    const retried = await run(again.map((i) => items[i]!));
    const merged = [...results];
    for (const [k, i] of again.entries()) merged[i] = retried[k]!;
    results = merged;
  }
  return results;
}

function isBusy(result: unknown): boolean {
  return result instanceof DekError && result.code === 'BUSY';
}

/**
 * Trying again what the NIC refused only for now: EAGAIN and EBUSY, which are BUSY here whatever the call. Before
 * rdma-core 40 every refusal is EREMOTEIO, that for now among them: it is worth a few tries.
 */
import {setTimeout as pause} from 'node:timers/promises';
import {DekError} from '../../errors.js';

const ATTEMPTS = 8;
/** A refusal without a reason is for good most of the time. */
const ATTEMPTS_WITHOUT_REASON = 4;
const FIRST_PAUSE_MS = 5;

/**
 * Runs a batch and tries its BUSY items again, eight times in about a second, and those refused without a reason, four
 * times in a tenth of that, after pauses that double and differ at random, so that many hosts do not come back at once.
 * The results stand in the order of the items.
 */
export async function retryBusy<Item, Result>(
  items: readonly Item[],
  run: (items: readonly Item[]) => Promise<readonly (Result | DekError)[]>,
): Promise<readonly (Result | DekError)[]> {
  let results = await run(items);
  for (let attempt = 1; attempt < ATTEMPTS; attempt++) {
    const again = [...items.keys()].filter((i) => isWorthATry(results[i], attempt));
    if (again.length === 0) break;
    await pause(FIRST_PAUSE_MS * 2 ** attempt * (0.5 + Math.random()));
    const retried = await run(again.map((i) => items[i]!));
    const merged = [...results];
    for (const [k, i] of again.entries()) merged[i] = retried[k]!;
    results = merged;
  }
  return results;
}

/** Whether what was refused so many times before may be done the next time. */
export function isWorthATry(result: unknown, attempts: number): boolean {
  if (!(result instanceof DekError)) return false;
  return result.code === 'BUSY' || (isWithoutReason(result) && attempts < ATTEMPTS_WITHOUT_REASON);
}

/** What the NIC cannot do at all has another code: that is known. */
function isWithoutReason({code, errno}: DekError): boolean {
  return code === 'REFUSED' && errno === 'EREMOTEIO';
}

/**
 * Makes DEKs on one NIC: tries again what the NIC was too busy for. Asked to, it finds each READY, and takes back what
 * is not whole.
 */
import {gather, wipe} from '../../bytes.js';
import {type DekState, layoutOf, OPAQUE_BYTES} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import type {Dek, DekColumn, Device} from '../../rdma/index.js';
import type {NicDevice} from './nic-device.js';
import {isWorthATry, retryBusy} from './retry.js';

type Results = readonly (Dek | DekError)[];
/** What the NIC said of each DEK right after its create. */
type States = (DekState | DekError | undefined)[];

/**
 * Makes the DEKs of a column: the DEK or why there is none for each, in order. With `dismiss` the NIC is asked for each
 * right after its create, and those that are not READY go there.
 */
export async function makeDeks(
  nic: NicDevice,
  column: DekColumn,
  dismiss?: (deks: readonly Dek[]) => Promise<void>,
): Promise<Results> {
  const positions = [...new Array(column.opaque.length / OPAQUE_BYTES).keys()];
  const states: States | undefined = dismiss && new Array(positions.length);
  const results = await nic.watchAll((device) =>
    retryBusy(positions, (some) => createAt(device, column, some, states)),
  );
  if (!dismiss || !states) return results;
  const isUnready = (i: number): boolean => !(results[i] instanceof DekError) && states[i] !== 'READY';
  const unready = positions.filter(isUnready);
  if (unready.length === 0) return results;
  for (const i of unready) nic.notice(states[i]);
  await askAgain(nic, results, states, unready);
  await dismiss(unready.filter(isUnready).map((i) => results[i] as Dek));
  return results.map((dek, i) => (isUnready(i) ? notReady(states[i]!) : dek));
}

/**
 * A DEK or an error for each of these positions, which are all different and in order; also when none can be sent,
 * since that may turn out at a retry, after others were made.
 */
async function createAt(
  device: Device,
  column: DekColumn,
  positions: readonly number[],
  states: States | undefined,
): Promise<Results> {
  const some = pickColumn(column, positions);
  try {
    const created = await device.createDeks(some, {query: states !== undefined});
    if (states) for (const [k, i] of positions.entries()) states[i] = created.states![k];
    return created.deks;
  } catch (error) {
    if (error instanceof DekError) return positions.map(() => error);
    throw error;
  } finally {
    if (some !== column) wipe(some.plaintext);
  }
}

/**
 * The DEKs at these positions, each of them once and in order: a copy, or the column itself for all. The caller wipes a
 * copy.
 */
export function pickColumn(column: DekColumn, positions: readonly number[]): DekColumn {
  const {keySize, keytag, wrapped, plaintext, opaque, allowEqualKeys} = column;
  if (positions.length * OPAQUE_BYTES === opaque.length) return column;
  const {wrappedBytes, plaintextBytes} = layoutOf(keySize, keytag);
  return {
    keySize,
    keytag,
    allowEqualKeys,
    ...(wrapped && {wrapped: gather(wrapped, wrappedBytes, positions)}),
    ...(plaintext && {plaintext: gather(plaintext, plaintextBytes, positions)}),
    opaque: gather(opaque, OPAQUE_BYTES, positions),
  };
}

/** Asks once more for the state of those that the NIC did not tell of, for now. */
async function askAgain(nic: NicDevice, results: Results, states: States, unready: readonly number[]): Promise<void> {
  const busy = unready.filter((i) => isWorthATry(states[i], 1));
  const answers = await nic.query(busy.map((i) => results[i] as Dek));
  for (const [k, i] of busy.entries()) states[i] = answers[k];
}

function notReady(state: DekState | DekError): DekError {
  return state instanceof DekError ? state : new DekError('NOT_READY', `the NIC made it, but says ${state}`);
}

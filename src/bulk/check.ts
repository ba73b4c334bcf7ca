/** Every fault of a manifest, not only the first. */

import {DekError} from '../errors.js';
import {faultError, faultOf, inOrder, LineFault} from '../manifest/fault.js';
import type {ManifestHeader} from '../manifest/fields/header.js';
import {CHUNK_BYTES} from '../manifest/read.js';
import {assertManifestKek, withCredential} from '../manifest/unwrap.js';
import {wholeButEqual} from '../wrap/dek-keys.js';
import type {KekHandle} from '../wrap/kek-handle.js';
import {DuplicateRegister, inputsOf, type OpenLines, withDuplicates} from './duplicates.js';
import type {Crew} from './jobs/crew.js';
import type {OnProgress} from './progress.js';

/** Called with each fault, in the order of the lines. */
export type OnFault = (line: number, error: DekError) => void;

/**
 * Reads all lines. With `kek`, the crew's, every DEK and the credential are unwrapped too, and what the lines tell of
 * each key is compared with it. `onProgress` is called with how many DEKs have no fault. Resolves to how many have no
 * check value, or not all that goes with one. Throws UNWRAP_FAILED when `kek` is not that of the manifest; what reading
 * it throws.
 */
export async function checkManifest(
  crew: Crew,
  manifest: OpenLines,
  kek: KekHandle | undefined,
  onFault: OnFault,
  onProgress: OnProgress,
): Promise<{unmarked: number}> {
  const {header, bytes} = manifest;
  if (kek) {
    assertManifestKek(header, kek);
    await checkCredential(header, kek, onFault);
  }
  crew.expect(bytes / CHUNK_BYTES);
  const register = new DuplicateRegister({bytes});
  const outputs = crew.map('checkLines', inputsOf(manifest, register, {unwrap: kek !== undefined, reveal: false}));
  let [deks, unmarked] = [0, 0];
  try {
    for await (const {count, faults, equal, unmarked: some} of withDuplicates(outputs, register)) {
      const unusable = equal.map((line) => faultOf(equalFault(line)));
      const all = inOrder(unusable, faults);
      for (const fault of all) onFault(fault.line, faultError(fault));
      deks += count - all.length;
      unmarked += some;
      await onProgress(deks);
    }
  } catch (error) {
    // A fault that nothing follows; those before have been told.
    if (!(error instanceof LineFault)) throw error;
    onFault(error.line, error);
  }
  return {unmarked};
}

async function checkCredential({login}: ManifestHeader, kek: KekHandle, onFault: OnFault): Promise<void> {
  try {
    if (login) await withCredential(kek, login.credential, () => {});
  } catch (error) {
    if (!(error instanceof DekError)) throw error;
    onFault(1, error);
  }
}

/** A DEK that is whole, but not to be used. */
function equalFault(line: number): LineFault {
  const {code, message, hint} = wholeButEqual();
  return new LineFault(line, code, `wrapped: ${message}`, hint);
}

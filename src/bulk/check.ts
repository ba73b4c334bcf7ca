/** Every fault of a manifest, not only the first. */

import {DekError} from '../errors.js';
import {faultError, faultOf, inOrder, LineFault} from '../manifest/fault.js';
import type {ManifestHeader} from '../manifest/header.js';
import type {Lines} from '../manifest/lines.js';
import {CHUNK_BYTES} from '../manifest/read.js';
import {assertManifestKek, withCredential} from '../manifest/unwrap.js';
import {wholeButEqual} from '../wrap/dek-keys.js';
import type {Crew} from './crew.js';
import {DuplicateRegister, inputsOf, withDuplicates} from './duplicates.js';
import type {OnProgress} from './progress.js';

/** Called with each fault, in the order of the lines. */
export type OnFault = (line: number, error: DekError) => void;

/** A manifest that was opened: what `openLines` gives. */
export interface OpenLines {
  header: ManifestHeader;
  lines: AsyncIterable<Lines>;
  bytes: number;
}

/**
 * Reads all lines. With `kek`, the crew's, every DEK and the credential are unwrapped too. `onProgress` is called with
 * how many DEKs have no fault. Throws UNWRAP_FAILED when `kek` is not that of the manifest; what reading it throws.
 */
export async function checkManifest(
  crew: Crew,
  {header, lines, bytes}: OpenLines,
  kek: Uint8Array | undefined,
  onFault: OnFault,
  onProgress: OnProgress,
): Promise<void> {
  if (kek) {
    assertManifestKek(header, kek);
    checkCredential(header, kek, onFault);
  }
  crew.expect(bytes / CHUNK_BYTES);
  const register = new DuplicateRegister({bytes});
  const outputs = crew.map('checkLines', inputsOf(lines, register, {unwrap: kek !== undefined, reveal: false}));
  let deks = 0;
  try {
    for await (const {count, faults, equal} of withDuplicates(outputs, register)) {
      const unusable = equal.map((line) => faultOf(equalFault(line)));
      const all = inOrder(unusable, faults);
      for (const fault of all) onFault(fault.line, faultError(fault));
      deks += count - all.length;
      await onProgress(deks);
    }
  } catch (error) {
    // A fault that nothing follows; those before have been told.
    if (!(error instanceof LineFault)) throw error;
    onFault(error.line, error);
  }
}

function checkCredential({login}: ManifestHeader, kek: Uint8Array, onFault: OnFault): void {
  try {
    if (login) withCredential(kek, login.credential, () => {});
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

/** A manifest with what it can tell of each key: its check value, the hints of that, its keytag. */
import {editionAfter} from '../manifest/fields/edition.js';
import {formatHeader, type ManifestHeader} from '../manifest/fields/header.js';
import {CHUNK_BYTES, openLines} from '../manifest/read.js';
import {assertManifestKek} from '../manifest/unwrap.js';
import type {KekHandle} from '../wrap/kek-handle.js';
import {assertNoFault, DuplicateRegister, inputsOf, withDuplicates} from './duplicates.js';
import type {Crew} from './jobs/crew.js';
import type {OnProgress} from './progress.js';

/**
 * Yields the bytes of the next generation of the manifest in the file `path`, in which each DEK has all marks; of one
 * of version 1 the first generation of version 2. `onHeader` is told its header. Throws UNWRAP_FAILED, before the first
 * byte, when `kek`, the crew's, is not that of the manifest; WRONG_KEY when a line tells what is not so; what reading
 * it throws.
 */
export async function* markManifest(
  crew: Crew,
  path: string,
  kek: KekHandle,
  onHeader: (fresh: ManifestHeader) => void,
  onProgress: OnProgress,
): AsyncGenerator<Uint8Array, void> {
  const manifest = await openLines(path);
  const {header, lines, bytes} = manifest;
  try {
    assertManifestKek(header, kek);
    crew.expect(bytes / CHUNK_BYTES);
    const fresh = {...header, edition: editionAfter(header.edition)};
    yield formatHeader(fresh);
    onHeader(fresh);
    const register = new DuplicateRegister({bytes});
    let deks = 0;
    for await (const {text, count, faults} of withDuplicates(
      crew.map('markLines', inputsOf(manifest, register, {})),
      register,
    )) {
      assertNoFault(faults);
      deks += count;
      yield text;
      await onProgress(deks);
    }
  } finally {
    await lines.return();
  }
}

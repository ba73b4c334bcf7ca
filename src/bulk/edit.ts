/** A manifest with another header, and without some of its DEKs: no key is needed for that. */
import {DekError} from '../errors.js';
import {formatHeader, type ManifestHeader, nextHeader} from '../manifest/fields/header.js';
import {CHUNK_BYTES, openLines} from '../manifest/read.js';
import {assertNoFault, DuplicateRegister, inputsOf, withDuplicates} from './duplicates.js';
import type {Crew} from './jobs/crew.js';
import type {OnProgress} from './progress.js';

/** What becomes of a manifest. */
export interface Changes {
  /** The header of the next generation; it is given that with the old members. */
  header: (next: ManifestHeader) => ManifestHeader;
  /** Names of DEKs that are left out. */
  remove: readonly string[];
}

const AFTER_NAME = '"';
const BEFORE_NAME = '{"name":"';

/**
 * Yields the bytes of the next generation of the manifest in the file `path`. `onProgress` is told how many DEKs were
 * kept. Throws NO_DEK at its end when one that is to be left out is not there; what `header` throws, before the first
 * byte; what reading it throws.
 */
export async function* editManifest(
  crew: Crew,
  path: string,
  {header, remove}: Changes,
  onProgress: OnProgress,
): AsyncGenerator<Uint8Array, void> {
  const manifest = await openLines(path);
  const left = new Set(remove);
  try {
    crew.expect(manifest.bytes / CHUNK_BYTES);
    yield formatHeader(header(nextHeader(manifest.header)));
    const register = new DuplicateRegister({bytes: manifest.bytes});
    const outputs = crew.map('checkLines', inputsOf(manifest, register, {unwrap: false, reveal: false}));
    let kept = 0;
    for await (const {text, count, faults} of withDuplicates(outputs, register)) {
      assertNoFault(faults);
      const before = left.size;
      yield remove.length === 0 ? text : without(text, left);
      kept += count - (before - left.size);
      await onProgress(kept);
    }
    for (const name of left) throw new DekError('NO_DEK', `${path} has no DEK named "${name}"`);
  } finally {
    await manifest.lines.return();
  }
}

/** Lines in canonical form without those of `names`, which are taken out of the set when they were there. */
function without(text: Uint8Array, names: Set<string>): Uint8Array {
  const lines = Buffer.from(text.buffer, text.byteOffset, text.length).toString('latin1').split('\n');
  const kept = lines.filter((line) => {
    const name = line.slice(BEFORE_NAME.length, line.indexOf(AFTER_NAME, BEFORE_NAME.length));
    return !names.delete(name);
  });
  return new Uint8Array(Buffer.from(kept.join('\n'), 'latin1'));
}

/** All DEKs of a manifest in plaintext, one after the other. */

import {wipe} from '../bytes.js';
import {DekError} from '../errors.js';
import {CHUNK_BYTES, openLines} from '../manifest/read.js';
import {assertManifestKek} from '../manifest/unwrap.js';
import type {KekHandle} from '../wrap/kek-handle.js';
import {assertNoFault, DuplicateRegister, inputsOf, withDuplicates} from './duplicates.js';
import type {Crew} from './jobs/crew.js';
import type {OnProgress} from './progress.js';
import type {OnEqual} from './raw.js';

/**
 * Unwraps every DEK of the manifest in the file `path` with `kek`, the crew's. With `reveal` the plaintexts are
 * yielded, in order, and wiped when the next are asked for. `onEqual` is told of each that is whole, but key1 equals
 * key2. Throws the first fault; BAD_INPUT when they are to be revealed and not all of one layout.
 */
export async function* unwrapManifest(
  crew: Crew,
  {path, kek, reveal, onEqual}: {path: string; kek: KekHandle; reveal: boolean; onEqual: OnEqual},
  onProgress: OnProgress,
): AsyncGenerator<Uint8Array, void> {
  const manifest = await openLines(path);
  const {header, lines, bytes} = manifest;
  const register = new DuplicateRegister({bytes});
  let [deks, eachBytes] = [0, 0];
  try {
    assertManifestKek(header, kek);
    crew.expect(bytes / CHUNK_BYTES);
    const outputs = crew.map('checkLines', inputsOf(manifest, register, {unwrap: true, reveal}));
    for await (const {count, faults, equal, plaintexts} of withDuplicates(outputs, register)) {
      try {
        assertNoFault(faults);
        for (const line of equal) onEqual(`line ${line}`);
        deks += count;
        const [bytes, ...others] = plaintexts;
        if (bytes) {
          eachBytes ||= bytes.length / count;
          if (others.length > 0 || bytes.length !== count * eachBytes) throw mixed(path);
          yield bytes;
        }
      } finally {
        wipe(...plaintexts);
      }
      await onProgress(deks);
    }
  } finally {
    await lines.return();
  }
}

function mixed(path: string): DekError<'BAD_INPUT'> {
  return new DekError('BAD_INPUT', `the DEKs of ${path} are not all of one size, with or without keytag`, {
    hint: 'in one stream they could not be told apart: reveal them one by one, with --name',
  });
}

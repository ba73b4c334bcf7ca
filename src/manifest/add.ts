/** Puts DEKs into a manifest that is there, after those that it has. */
import {DekError} from '../errors.js';
import type {ManifestDek, ManifestEntry} from './entry.js';
import {openManifest} from './read.js';
import {assertManifestKek} from './unwrap.js';
import {writeManifest} from './write.js';

/**
 * Yields the bytes of the manifest in the file `path` with a DEK more for each of `names`, made by `make`, all wrapped under
 * `kek`. Throws what `openManifest` and `make` throw; UNWRAP_FAILED, before the first byte, when `kek` is not the KEK of the
 * manifest; EXISTS when a name is in it.
 */
export async function* addToManifest(
  path: string,
  kek: Uint8Array,
  names: Iterable<string>,
  make: (name: string) => ManifestDek,
): AsyncGenerator<Uint8Array, void> {
  const {header, entries} = await openManifest(path);
  try {
    assertManifestKek(header, kek);
    yield* writeManifest(header, join(entries, new Set(names), make));
  } finally {
    await entries.return();
  }
}

async function* join(
  entries: AsyncIterable<ManifestEntry>,
  names: ReadonlySet<string>,
  make: (name: string) => ManifestDek,
): AsyncGenerator<ManifestDek, void> {
  for await (const entry of entries) {
    if (!names.has(entry.name)) yield entry;
    else throw new DekError('EXISTS', `${entry.name} is in the manifest, in line ${entry.line}`);
  }
  for (const name of names) yield make(name);
}

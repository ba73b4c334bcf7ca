/** One DEK of a manifest. */
import {hideKey} from '../bytes.js';
import {DekError} from '../errors.js';
import {openManifest} from './read.js';

/**
 * The wrapped key, 40 to 80 bytes, that the manifest in the file `path` has under `name`. All of the file is read: what
 * is in a manifest counts only when all of it is in order. Throws NO_DEK; what `openManifest` throws.
 */
export async function findWrapped(path: string, name: string): Promise<Uint8Array> {
  const {entries} = await openManifest(path);
  let wrapped: Uint8Array | undefined;
  for await (const entry of entries) if (entry.name === name) wrapped = entry.wrapped;
  if (wrapped) return wrapped;
  throw new DekError('NO_DEK', `${path} has no DEK named "${hideKey(name)}"`);
}

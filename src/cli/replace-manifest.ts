/** How commands change a manifest that is there: a new file, whole, takes the place of the old one. */
import fs from 'node:fs/promises';
import {type GoOn, writeWholeFile} from '../custody/whole-file.js';
import {DekError, systemCode} from '../errors.js';

/**
 * Replaces the manifest `path` with what `chunks` yields, keeping its mode and owner. `check` is called with the path of the
 * new file before it takes the name. Where `path` is a symbolic link, the file that it leads to is replaced. Throws NO_INPUT,
 * BAD_INPUT when it is no file, BUSY when another program changed it meanwhile; it stays as it is then.
 */
export async function replaceManifest(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  check?: (temporary: string, goOn: GoOn) => Promise<void>,
): Promise<void> {
  const real = await fs.realpath(path).catch((cause: unknown) => {
    const errno = systemCode(cause);
    if (errno === 'ENOENT' || errno === 'ENOTDIR') {
      throw new DekError('NO_INPUT', `${path || '""'} does not exist`, {errno, cause});
    }
    throw new DekError(errno === 'EACCES' ? 'PERMISSION' : 'IO', `${path} cannot be read: ${errno}`, {errno, cause});
  });
  const before = await fs.stat(real);
  if (!before.isFile()) throw new DekError('BAD_INPUT', `${path} is not a regular file`);
  await writeWholeFile(real, chunks, {
    force: true,
    like: before,
    check: async (temporary, goOn) => {
      await check?.(temporary, goOn);
      const {dev, ino, size, mtimeMs} = await fs.stat(real);
      if (dev === before.dev && ino === before.ino && size === before.size && mtimeMs === before.mtimeMs) return;
      throw new DekError('BUSY', `${path} was changed by another program meanwhile`, {hint: 'try again'});
    },
  });
}

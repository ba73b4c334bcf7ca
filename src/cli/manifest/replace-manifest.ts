/** How commands change a manifest that is there: a new file, whole, takes the place of the old one. */

import fs from 'node:fs/promises';
import * as Flags from '@oclif/core/flags';
import {DekError} from '../../errors.js';
import {lockFile} from '../../files/lock.js';
import {stampOf} from '../../files/stat.js';
import {systemError} from '../../files/system-error.js';
import {type WholeFileOptions, writeWholeFile} from '../../files/whole-file.js';
import {outputPath} from '../output/output.js';

/** `--output` and `--force` of a command that changes a manifest. */
export const changedManifestFlags = {
  output: Flags.string({
    char: 'o',
    helpValue: 'FILE',
    description: 'write to this new file (mode 0600) and leave the manifest unchanged',
    parse: async (path) => outputPath(path, 'leave out --output to replace the manifest itself'),
  }),
  force: Flags.boolean({description: 'replace the output file if it exists', dependsOn: ['output']}),
};

/** The values of these flags. */
export interface ChangedManifestOptions {
  output?: string | undefined;
  force: boolean;
}

/** Writes what has become of the manifest `path` to `--output`, or else in its place. Throws what these throw. */
export async function deliverManifest(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  {output, force}: ChangedManifestOptions,
  check?: WholeFileOptions['check'],
): Promise<void> {
  if (output === undefined) await replaceManifest(path, chunks, check);
  else await writeWholeFile(output, chunks, {force, check});
}

/**
 * Replaces the manifest `path` with what `chunks` yields, keeping its mode and owner. `check` is called with the path
 * of the new file before it takes the name. Where `path` is a symbolic link, the file that it leads to is replaced.
 * Throws NO_INPUT, BAD_INPUT when it is no file, BUSY when another program changed it meanwhile; it stays as it is
 * then.
 */
export async function replaceManifest(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
  check?: WholeFileOptions['check'],
): Promise<void> {
  const failed = (cause: unknown): never => {
    throw systemError('read', path, cause);
  };
  const real = await fs.realpath(path).catch(failed);
  const before = await fs.stat(real).catch(failed);
  if (!before.isFile()) throw new DekError('BAD_INPUT', `${path} is not a regular file`);
  let release = (): void => {};
  try {
    await writeWholeFile(real, chunks, {
      force: true,
      like: before,
      check: async (temporary, goOn) => {
        await check?.(temporary, goOn);
        release = await lockFile(real, goOn); // until it has its name: another may be as far
        if (stampOf(await fs.stat(real).catch(failed)) === stampOf(before)) return;
        throw new DekError('BUSY', `${path} was changed by another program meanwhile`, {hint: 'try again'});
      },
    });
  } finally {
    release();
  }
}

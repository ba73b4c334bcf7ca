/** A manifest taken to another import KEK, in its place or to another file, with progress. */
import {type RewrapOptions, Rewrap as Rewrapping} from '../../bulk/rewrap.js';
import type {WholeFileOptions} from '../../files/whole-file.js';
import {withCrew} from './many-deks.js';
import {type ChangedManifestOptions, deliverManifest} from './replace-manifest.js';

/** How many DEKs, and the lines of those that are whole, but whose key1 equals key2. Throws what these throw. */
export async function rewrapManifest(
  manifest: string,
  flags: ChangedManifestOptions,
  options: RewrapOptions,
  isShown: boolean,
): Promise<{deks: number; equalKeys: readonly number[]}> {
  let equalKeys: readonly number[] = [];
  const deks = await withCrew([options.from, options.to], isShown, async (crew, count) => {
    const rewrapping = new Rewrapping(crew, manifest, options);
    const rewrapped = count('re-wrapped');
    let total = 0;
    const chunks = rewrapping.chunks((deks) => {
      total = deks;
      return rewrapped(deks);
    });
    const check: WholeFileOptions['check'] = (temporary, goOn) => {
      const verified = count('verified', total);
      return rewrapping.check(temporary, async (deks) => {
        await verified(deks);
        await goOn();
      });
    };
    await deliverManifest(manifest, chunks, flags, check);
    equalKeys = rewrapping.equalLines;
  });
  return {deks, equalKeys};
}

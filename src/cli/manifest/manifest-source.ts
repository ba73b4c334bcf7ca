/** `--manifest` of an agent: a file, a file that is watched, or a fleet. What each needs is loaded for it alone. */
import {join, resolve} from 'node:path';
import * as Flags from '@oclif/core/flags';
import {ManifestOnDisk, type ManifestSource} from '../../agent/source/manifest-source.js';
import {DekError} from '../../errors.js';

const STATE_DIRECTORY = '/var/lib/dek';

/** `--manifest`, and how it is followed. */
export const manifestFlags = {
  manifest: Flags.string({
    helpValue: 'MANIFEST',
    description:
      'manifest of the DEKs to create at start: a file, dek-manifest(5), or a fleet, etcd://HOST,.../PREFIX?..., ' +
      'dek-fleet(7)',
  }),
  watch: Flags.boolean({
    dependsOn: ['manifest'],
    description: 'apply the file of --manifest again whenever it is replaced',
  }),
  state: Flags.string({
    helpValue: 'DIR',
    dependsOn: ['manifest'],
    description:
      'directory for the last manifest of a fleet (default: $STATE_DIRECTORY/fleet, else /var/lib/dek/fleet)',
  }),
};

interface ManifestFlags {
  manifest?: string | undefined;
  watch?: boolean | undefined;
  state?: string | undefined;
}

/** Throws BAD_ARGUMENT; for a fleet what its files, its directory and its certificates stand in the way with. */
export async function manifestSource(
  {manifest, watch, state}: ManifestFlags,
  signal: AbortSignal,
): Promise<ManifestSource> {
  if (manifest?.startsWith('etcd:')) {
    if (watch)
      throw new DekError('BAD_ARGUMENT', '--watch is for a file: a fleet is followed anyway', {
        hint: 'leave out --watch',
      });
    const {FleetSource} = await import('../../agent/source/fleet-source.js');
    return FleetSource.open(manifest, resolve(state ?? defaultState()), signal);
  }
  if (state !== undefined)
    throw new DekError('BAD_ARGUMENT', '--state is for the manifest of a fleet, etcd://...', {
      hint: 'leave out --state',
    });
  const path = manifest === undefined ? undefined : resolve(manifest);
  if (!watch) return new ManifestOnDisk(path);
  const {WatchedFile} = await import('../../agent/source/watched-file.js');
  return new WatchedFile(path!);
}

function defaultState(): string {
  return join(process.env['STATE_DIRECTORY']?.split(':')[0] || STATE_DIRECTORY, 'fleet');
}

/** What a manifest, or a release, says of itself: read whole, so that its DEKs are counted and a fault is found. */
import fs from 'node:fs';
import {toHex} from '../../bytes.js';
import {DekError} from '../../errors.js';
import {readSignable} from '../../manifest/acceptance/signable.js';
import {openManifest} from '../../manifest/index.js';
import {chunksOf} from '../../manifest/read.js';

export interface ManifestFacts {
  readonly kind: 'manifest' | 'release';
  readonly is: readonly string[];
}

/** Its facts. Throws BAD_INPUT where it is broken. */
export async function manifestFacts(path: string): Promise<ManifestFacts> {
  const signed = fs.existsSync(`${path}.sig`)
    ? `signatures beside it: ${path}.sig (dek manifest verify says whose)`
    : 'no signatures beside it';
  const release = await asRelease(path);
  if (release !== undefined) return {kind: 'release', is: [release, signed]};
  const {header, entries} = await openManifest(path);
  let count = 0;
  for await (const _ of entries) count++;
  const {edition, login, importKekKcv} = header;
  const kek = importKekKcv === null ? 'a KEK without KCV' : `the KEK with KCV ${toHex(importKekKcv)}`;
  const ids =
    login === null ? 'no login' : `login with credential ${login.credentialId} under KEK ${login.importKekId}`;
  return {
    kind: 'manifest',
    is: [
      `a manifest of version ${edition ? 2 : 1}: ${count} DEKs, wrapped under ${kek}, ${ids}`,
      ...(edition
        ? [
            `generation ${edition.generation} of ${toHex(edition.id)}, issued ${edition.issued}` +
              (edition.notAfter === null ? '' : `, not after ${edition.notAfter}`) +
              (edition.hosts.length === 0 ? '' : `, for ${edition.hosts.join(', ')}`),
          ]
        : []),
      signed,
    ],
  };
}

async function asRelease(path: string): Promise<string | undefined> {
  try {
    const signable = await readSignable(chunksOf(path));
    if (signable.kind !== 'release') return undefined;
    return `a release of ${signable.release.manifests.length} manifests, issued ${signable.release.issued}`;
  } catch (error) {
    if (error instanceof DekError && error.code === 'BAD_INPUT') return undefined; // read as a manifest, it says why
    throw error;
  }
}

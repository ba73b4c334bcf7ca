/** What a manifest, or a release, says of itself: read whole, so that its DEKs are counted and a fault is found. */
import fs from 'node:fs';
import {toHex} from '../../bytes.js';
import {readSignable} from '../../manifest/acceptance/signable.js';
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
  const signable = await readSignable(chunksOf(path));
  if (signable.kind === 'release') {
    const {manifests, issued} = signable.release;
    return {kind: 'release', is: [`a release of ${manifests.length} manifests, issued ${issued}`, signed]};
  }
  const {header, deks} = signable.offered;
  const {edition, login, importKekKcv} = header;
  const kek = importKekKcv === null ? 'a KEK without KCV' : `the KEK with KCV ${toHex(importKekKcv)}`;
  const ids =
    login === null ? 'no login' : `login with credential ${login.credentialId} under KEK ${login.importKekId}`;
  return {
    kind: 'manifest',
    is: [
      `a manifest of version ${edition ? 2 : 1}: ${deks} DEKs, wrapped under ${kek}, ${ids}`,
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

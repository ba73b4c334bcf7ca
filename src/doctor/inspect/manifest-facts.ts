/** What a manifest, or a release, says of itself: read whole, so that its DEKs are counted and a fault is found. */
import fs from 'node:fs';
import {counted, toHex} from '../../bytes.js';
import {readSignable} from '../../manifest/acceptance/signable.js';
import {releasePath, signaturePath} from '../../manifest/acceptance/signed-files.js';
import {chunksOf} from '../../manifest/read.js';

export interface ManifestFacts {
  readonly kind: 'manifest' | 'release';
  readonly is: readonly string[];
}

/** Its facts. Throws BAD_INPUT where it is broken. */
export async function manifestFacts(path: string): Promise<ManifestFacts> {
  const signable = await readSignable(chunksOf(path));
  const signed = signaturesBeside(path, signable.kind);
  if (signable.kind === 'release') {
    const {manifests, issued} = signable.release;
    return {kind: 'release', is: [`a release of ${counted(manifests.length, 'manifest')}, issued ${issued}`, signed]};
  }
  const {header, deks} = signable.offered;
  const {edition, login, importKekKcv} = header;
  const kek = importKekKcv === null ? 'a KEK without KCV' : `the KEK with KCV ${toHex(importKekKcv)}`;
  const ids =
    login === null ? 'no login' : `login with credential ${login.credentialId} under KEK ${login.importKekId}`;
  return {
    kind: 'manifest',
    is: [
      `a manifest of version ${edition ? 2 : 1}: ${counted(deks, 'DEK')}, wrapped under ${kek}, ${ids}`,
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

/** What makes it authentic, by the names of files: a release beside a manifest, else signatures. */
function signaturesBeside(path: string, kind: 'manifest' | 'release'): string {
  const release = releasePath(path);
  if (kind === 'manifest' && fs.existsSync(release)) {
    const signatures = signaturePath(release);
    const how = fs.existsSync(signatures) ? `and its signatures, ${signatures}` : 'without signatures';
    return `a release beside it: ${release}, ${how} (dek manifest verify says whose)`;
  }
  const signatures = signaturePath(path);
  if (!fs.existsSync(signatures)) return 'no signatures beside it';
  return `signatures beside it: ${signatures} (dek manifest verify says whose)`;
}

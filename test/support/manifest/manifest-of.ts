/** A manifest for a virtual ConnectX. */
import fs from 'node:fs';
import {writeManifest} from '../../../src/manifest/index.js';
import {keyCheckValue, wrapDek} from '../../../src/wrap/index.js';
import type {TestDevice} from '../nic/device.js';

/** Writes a manifest of `count` 256-bit DEKs, vol-1 and on, at `path`: whole, by a rename. */
export async function placeManifest(device: TestDevice, path: string, count: number): Promise<void> {
  const {kek, kekId: importKekId, credentialId, wrappedCredential: credential} = device;
  const header = {devices: [], importKekKcv: keyCheckValue(kek), login: {importKekId, credentialId, credential}};
  const deks = Array.from({length: count}, (_, i) => ({
    name: `vol-${i + 1}`,
    keySize: 256 as const,
    keytag: false,
    opaque: new Uint8Array(),
    wrapped: wrapDek(kek, {key1: new Uint8Array(32).fill(i + 1), key2: new Uint8Array(32).fill((i + 1) ^ 0x80)}),
  }));
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeManifest(header, deks)) chunks.push(chunk);
  fs.writeFileSync(`${path}.new`, Buffer.concat(chunks));
  fs.renameSync(`${path}.new`, path);
}

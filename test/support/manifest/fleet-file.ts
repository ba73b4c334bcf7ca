/** A manifest of a test: on disk, wrapped by a virtual ConnectX's import KEK, to be changed and put in place whole. */
import fs from 'node:fs';
import {join} from 'node:path';
import {type ManifestDek, writeManifest} from '../../../src/manifest/index.js';
import {keyCheckValue, wrapCredential, wrapKeys} from '../../../src/wrap/index.js';
import type {TestDevice} from '../nic/device.js';

/** What a manifest is made of; what is left out is the device's own. */
export interface Fleet {
  /** How many DEKs: `vol-0` and so on, whose keys follow from their number and `seed`. */
  count: number;
  seed?: number;
  kek?: Uint8Array;
  kekId?: number;
  credential?: Uint8Array;
  credentialId?: number;
  /** The 48 bytes of the login, when they are not the credential wrapped by the KEK. */
  wrappedCredential?: Uint8Array;
  /** Alters DEKs, and drops those for which it gives undefined. */
  change?: (dek: ManifestDek, n: number) => ManifestDek | undefined;
}

const KEY_BYTES = 32;

/** The path of the manifest of `device`. */
export function fleetPath(device: TestDevice): string {
  return join(device.directory, 'fleet.manifest');
}

/** Writes the manifest, in one step for those that read it; returns its path. */
export async function writeFleet(device: TestDevice, fleet: Fleet): Promise<string> {
  const {count, seed = 1, kek = device.kek, kekId = device.kekId, change = (dek) => dek} = fleet;
  const {credential = device.credential, credentialId = device.credentialId} = fleet;
  const keys = Buffer.alloc(count * KEY_BYTES);
  for (let n = 0; n < count; n++) {
    keys.writeUInt32BE(n, n * KEY_BYTES);
    keys[n * KEY_BYTES + 16] = seed;
  }
  const wrapped = wrapKeys(kek, keys, KEY_BYTES);
  const deks = Array.from({length: count}, (_, n): ManifestDek => {
    const key = wrapped.subarray(n * (KEY_BYTES + 8), (n + 1) * (KEY_BYTES + 8));
    return {name: `vol-${n}`, keySize: 128, keytag: false, opaque: opaqueOf(n), wrapped: key};
  });
  const login = {
    importKekId: kekId,
    credentialId,
    credential: fleet.wrappedCredential ?? wrapCredential(kek, credential),
  };
  const header = {devices: [...device.nic.devices], importKekKcv: keyCheckValue(kek), login};
  const path = fleetPath(device);
  const chunks: Uint8Array[] = [];
  const kept = deks.flatMap((dek, n) => change(dek, n) ?? []);
  for await (const chunk of writeManifest(header, kept)) chunks.push(chunk);
  fs.writeFileSync(`${path}.new`, Buffer.concat(chunks));
  fs.renameSync(`${path}.new`, path);
  return path;
}

/** The opaque bytes of `vol-N`: all eight, as a fault of the NIC names them. */
export function opaqueOf(n: number): Uint8Array {
  const opaque = Buffer.alloc(8, 'vol');
  opaque.writeUInt32BE(n, 4);
  return opaque;
}

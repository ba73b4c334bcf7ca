/** Manifests of version 2 whose check values are those of the keys that should be there, whatever was wrapped. */
import {randomBytes} from 'node:crypto';
import fs from 'node:fs';
import {join} from 'node:path';
import {type ManifestDek, newEdition, writeManifest} from '../../../src/manifest/index.js';
import {dcvHints, dekCheckValue} from '../../../src/wrap/dcv/dcv.js';
import {keyCheckValue, wrapKey} from '../../../src/wrap/index.js';
import type {TestDevice} from '../nic/device.js';

/** 64 bytes of key1 and key2, and 8 of the keytag. */
export type Alter = (plaintext: Buffer) => Buffer;

/** What becomes of a key on its way from its birthplace. */
export const WRONG: Readonly<Record<string, Alter>> = {
  'halves-swapped': (p) => Buffer.concat([p.subarray(32, 64), p.subarray(0, 32), p.subarray(64)]),
  'halves-reversed': (p) => Buffer.concat([p.subarray(0, 32).reverse(), p.subarray(32, 64).reverse(), p.subarray(64)]),
  'halves-swapped-and-reversed': (p) => Buffer.concat([p.subarray(0, 64).reverse(), p.subarray(64)]),
  'wrong-key': (p) => Buffer.concat([randomBytes(64), p.subarray(64)]),
  'keytag-refused': (p) => Buffer.concat([p.subarray(0, 64), randomBytes(8)]),
};

export interface MarkedDek {
  name: string;
  /** What is wrapped in its place. */
  alter?: Alter;
  /** Without a check value, and without its keytag; or only without the former. */
  unmarked?: boolean | 'dcv';
}

/** DEKs of 256 bits with keytag, `names` right ones and then one for each of `wrong`, called by its verdict. */
export function markedDeks(names: readonly string[], wrong: readonly string[] = []): MarkedDek[] {
  return [...names.map((name) => ({name})), ...wrong.map((name) => ({name, alter: WRONG[name]!}))];
}

/** Writes a manifest of these DEKs in the device's directory, whole, and returns its path. */
export async function writeMarked(
  device: TestDevice,
  deks: readonly MarkedDek[],
  {login = true, file = 'marked.manifest'} = {},
): Promise<string> {
  const {kek, kekId: importKekId, credentialId, wrappedCredential: credential} = device;
  const entries = deks.map(({name, alter = (p) => p, unmarked = false}): ManifestDek => {
    const plaintext = randomBytes(72);
    const entry = {name, keySize: 256, keytag: true, opaque: new Uint8Array()} as const;
    const wrapped = wrapKey(kek, new Uint8Array(alter(Buffer.from(plaintext))));
    if (unmarked === true) return {...entry, wrapped};
    const keytagValue = new Uint8Array(plaintext.subarray(64));
    if (unmarked) return {...entry, wrapped, keytagValue};
    return {...entry, wrapped, keytagValue, dcv: dekCheckValue(plaintext), dcvHints: dcvHints(plaintext)};
  });
  const header = {
    edition: newEdition(),
    devices: [...device.nic.devices],
    importKekKcv: keyCheckValue(kek),
    login: login ? {importKekId, credentialId, credential} : null,
  };
  const path = join(device.directory, file);
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeManifest(header, entries)) chunks.push(chunk);
  fs.writeFileSync(`${path}.new`, Buffer.concat(chunks));
  fs.renameSync(`${path}.new`, path);
  return path;
}

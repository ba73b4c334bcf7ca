/** Manifests for tests: a good header, good entries, and the reading of a text to its end. */
import type {ManifestEntry, ManifestHeader} from '../../../src/manifest/index.js';
import {readManifest} from '../../../src/manifest/index.js';

/** A credential of 48 bytes in base64. */
const CREDENTIAL = Buffer.alloc(48, 7).toString('base64');

/** The members of a good header, altered by `changes`; undefined takes one out. */
export function headerLine(changes: Record<string, unknown> = {}): string {
  const header = {
    'dek-manifest': 1,
    device: 'mlx5_0',
    importKekId: 32,
    importKekKcv: '0123456789',
    credentialId: 16,
    wrappedCredential: CREDENTIAL,
  };
  return JSON.stringify({...header, ...changes});
}

/** A good login that is to come. */
export const NEXT_LOGIN = {
  importKekId: 33,
  importKekKcv: '9876543210',
  credentialId: 17,
  wrappedCredential: CREDENTIAL,
};

/** The members of a good header of version 2, altered by `changes`. */
export function headerLine2(changes: Record<string, unknown> = {}): string {
  const edition = {id: '00112233445566778899aabbccddeeff', generation: 3, issued: '2026-11-30T12:00:00Z'};
  return headerLine({'dek-manifest': 2, ...edition, ...changes});
}

/** The line of a good DEK, another one for each `n`, altered by `changes`. */
export function dekLine(n: number, changes: Record<string, unknown> = {}): string {
  const wrapped = Buffer.alloc(80);
  wrapped.writeUInt32BE(n);
  const dek = {name: `vol-${n}`, keySize: 256, keytag: true, wrapped: wrapped.toString('base64')};
  return JSON.stringify({...dek, ...changes});
}

/** Base64 of so many bytes. */
export function base64(bytes: number): string {
  return Buffer.alloc(bytes, 9).toString('base64');
}

/** Lines, each with its line feed. */
export function text(...lines: string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}

/** Reads a manifest to its end. */
export async function readAll(content: string | Uint8Array): Promise<{header: ManifestHeader; deks: ManifestEntry[]}> {
  const {header, entries} = await readManifest([Buffer.from(content as string)]);
  const deks: ManifestEntry[] = [];
  for await (const entry of entries) deks.push(entry);
  return {header, deks};
}

/**
 * A list of hosts with the KEKs that are in their NICs, JSON Lines:
 *
 *     {"host":"node-1","kek":"file:kek-1","importKekId":257,"credentialId":17,"credential":"credential-1.wrapped"}
 *
 * Without the last three the NICs of the host take plaintext, and its manifest has no login.
 */
import fs from 'node:fs/promises';
import type {ListedHost} from '../bulk/rewrap-list.js';
import {openKek} from '../custody/kek.js';
import {readCiphertext} from '../custody/source.js';
import {MAX_ID, WRAPPED_CREDENTIAL_BYTES} from '../dek-layout.js';
import {DekError} from '../errors.js';
import {systemError} from '../files/system-error.js';
import {isHost} from '../manifest/fields/edition.js';
import {assertWrappedBy} from './manifest/manifest-header.js';

interface Line {
  readonly host: string;
  readonly kek: string;
  readonly login: {importKekId: number; credentialId: number; credential: string} | null;
}

const MEMBERS = ['host', 'kek', 'importKekId', 'credentialId', 'credential'];

/** What the file says. Throws BAD_INPUT, with the line at fault. */
export async function readHostList(path: string): Promise<Line[]> {
  const text = await fs.readFile(path, 'utf8').catch((error: unknown) => {
    throw systemError('read', path, error);
  });
  const lines = text
    .split('\n')
    .flatMap((line, i) => (line.trim() === '' ? [] : [parseLine(line, `${path}: line ${i + 1}`)]));
  const seen = new Set<string>();
  for (const {host} of lines) {
    if (seen.has(host)) throw new DekError('BAD_INPUT', `${path} names ${host} twice`);
    seen.add(host);
  }
  if (lines.length === 0) throw new DekError('BAD_INPUT', `${path} names no host`);
  return lines;
}

/** Opens the KEK of a host; the caller closes it. Throws UNWRAP_FAILED when its credential is under another KEK. */
export async function openListed({host, kek, login}: Line): Promise<ListedHost> {
  const to = await openKek(kek, {title: `kek of ${host}`});
  try {
    if (!login) return {host, to, login: null};
    const credential = await readCiphertext(login.credential, [WRAPPED_CREDENTIAL_BYTES], 'wrapped credential');
    await assertWrappedBy(to, credential);
    return {host, to, login: {...login, credential}};
  } catch (error) {
    await to.close();
    throw error;
  }
}

function parseLine(text: string, where: string): Line {
  const wrong = (what: string): DekError<'BAD_INPUT'> => new DekError('BAD_INPUT', `${where}: ${what}`, {hint: HINT});
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw wrong('is not JSON');
  }
  if (typeof value !== 'object' || value === null || Object.keys(value).some((name) => !MEMBERS.includes(name))) {
    throw wrong('expected an object with host, kek, importKekId, credentialId and credential');
  }
  const {host, kek, importKekId, credentialId, credential} = value;
  if (!isHost(host)) throw wrong('"host" is no name of a host');
  if (typeof kek !== 'string') throw wrong('"kek" expected a source');
  if (importKekId === undefined && credentialId === undefined && credential === undefined) {
    return {host, kek, login: null};
  }
  if (!isId(importKekId) || !isId(credentialId))
    throw wrong(`"importKekId" and "credentialId" expected ids up to ${MAX_ID}`);
  if (typeof credential !== 'string') throw wrong('"credential" expected a path or a source');
  return {host, kek, login: {importKekId, credentialId, credential}};
}

const HINT =
  '{"host":"node-1","kek":"file:kek-1","importKekId":257,"credentialId":17,"credential":"credential-1.wrapped"}';

function isId(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_ID;
}

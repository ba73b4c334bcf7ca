/**
 * The first line of a manifest:
 *
 *     {"dek-manifest":1,"device":"mlx5_0","importKekId":32,"importKekKcv":"c1d29b9744","credentialId":16,
 *      "wrappedCredential":"BASE64"}
 *
 * (in one line). `device` may be left out, or be an array of names. importKekId, credentialId and wrappedCredential are
 * there together, or not at all: a NIC in plaintext import mode needs no login.
 */
import {fromHex, toHex} from '../bytes.js';
import {KCV_BYTES, type LoginOptions, MAX_ID, WRAPPED_CREDENTIAL_BYTES} from '../dek-layout.js';
import {decodeBase64, encodeBase64} from './base64.js';
import {fault} from './fault.js';
import {assertCanonical, type JsonObject, member, parseObject, shown} from './json-object.js';
import type {Lines} from './lines.js';

/** The version of the format, the value of the member that tells a header from an entry. */
const FORMAT_VERSION = 1;
/** The member that only a header has. */
export const VERSION_MEMBER = 'dek-manifest';

/** What all DEKs of a manifest have in common. */
export interface ManifestHeader {
  /** The NICs that are to hold the DEKs, all of them each; empty: the host or the command line says which. */
  devices: string[];
  /** The key check value of the import KEK that wrapped everything in the manifest: 5 bytes. */
  importKekKcv: Uint8Array;
  /** null: the manifest is for NICs in plaintext import mode only. */
  login: LoginOptions | null;
}

const MEMBERS = new Set([VERSION_MEMBER, 'device', 'importKekId', 'importKekKcv', 'credentialId', 'wrappedCredential']);
const LOGIN_MEMBERS = ['importKekId', 'credentialId', 'wrappedCredential'] as const;
/** Names as mlx5_0, PCI addresses and node GUIDs. */
const DEVICE = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/;

/** The header in line 1, which ends in a line feed. Throws BAD_INPUT. */
export function parseHeader({text: bytes}: Pick<Lines, 'text'>): ManifestHeader {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length - 1).toString('latin1');
  const value = parseObject(text, 1);
  const version = value[VERSION_MEMBER];
  if (version === undefined) {
    throw fault(1, null, `expected the header, an object with the member "${VERSION_MEMBER}"`, 'see dek-manifest(5)');
  }
  if (version !== FORMAT_VERSION) {
    const hint = 'another version of dek wrote it';
    throw fault(
      1,
      VERSION_MEMBER,
      `expected ${FORMAT_VERSION}, the version of the format, got ${shown(version)}`,
      hint,
    );
  }
  const header = {devices: parseDevices(value['device']), importKekKcv: parseKcv(value), login: parseLogin(value)};
  assertCanonical(value, text, 1, MEMBERS);
  return header;
}

/** The header's line. It is checked by reading it again. Throws BAD_INPUT. */
export function formatHeader({devices, importKekKcv, login}: ManifestHeader): Uint8Array {
  const line = JSON.stringify({
    [VERSION_MEMBER]: FORMAT_VERSION,
    ...(devices.length === 0 ? {} : {device: devices.length === 1 ? devices[0] : devices}),
    ...(login ? {importKekId: login.importKekId} : {}),
    importKekKcv: toHex(importKekKcv),
    ...(login ? {credentialId: login.credentialId, wrappedCredential: encodeBase64(login.credential)} : {}),
  });
  const text = Buffer.from(`${line}\n`, 'latin1');
  parseHeader({text});
  return text;
}

function parseDevices(value: unknown): string[] {
  if (value === undefined) return [];
  const devices: unknown[] = Array.isArray(value) ? value : [value];
  if (devices.length === 0) throw fault(1, 'device', 'names no device', 'leave it out for: any');
  if (!devices.every((name): name is string => typeof name === 'string' && DEVICE.test(name))) {
    throw fault(1, 'device', 'expected names such as mlx5_0, PCI addresses or node GUIDs');
  }
  if (new Set(devices).size < devices.length) throw fault(1, 'device', 'names a device twice');
  return devices;
}

function parseKcv(value: JsonObject): Uint8Array {
  const kcv = member(value, 'importKekKcv', 1);
  if (typeof kcv !== 'string' || !/^[0-9a-f]*$/.test(kcv) || kcv.length !== 2 * KCV_BYTES) {
    throw fault(1, 'importKekKcv', `expected ${2 * KCV_BYTES} hex digits in lower case`);
  }
  return fromHex(kcv, 'importKekKcv');
}

function parseLogin(value: JsonObject): LoginOptions | null {
  if (LOGIN_MEMBERS.every((name) => value[name] === undefined)) return null;
  const importKekId = parseId(value, 'importKekId');
  const credentialId = parseId(value, 'credentialId');
  const credential = decodeBase64(member(value, 'wrappedCredential', 1), 1, 'wrappedCredential');
  if (credential.length === WRAPPED_CREDENTIAL_BYTES) return {importKekId, credentialId, credential};
  throw fault(1, 'wrappedCredential', `expected ${WRAPPED_CREDENTIAL_BYTES} bytes, got ${credential.length}`);
}

function parseId(value: JsonObject, name: string): number {
  const id = member(value, name, 1);
  if (Number.isInteger(id) && (id as number) >= 0 && (id as number) <= MAX_ID) return id as number;
  throw fault(1, name, `expected an integer from 0 to ${MAX_ID}, got ${shown(id)}`);
}

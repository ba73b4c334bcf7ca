/**
 * The first line of a manifest, in one line:
 *
 *     {"dek-manifest":2,"id":"8f14e45fceea167a5a36dedd4bea2543","generation":3,"issued":"2026-11-30T12:00:00Z",
 *      "hosts":["node-1"],"notAfter":"2027-11-30T12:00:00Z","device":"mlx5_0","importKekId":32,
 *      "importKekKcv":"c1d29b9744","credentialId":16,"wrappedCredential":"BASE64","nextLogin":{"importKekId":33,
 *      "importKekKcv":"5f1c0a9e27","credentialId":17,"wrappedCredential":"BASE64"}}
 *
 * Version 1 has no `id`, `generation`, `issued`, `hosts`, `notAfter` and `nextLogin`, and `importKekKcv` always.
 * `device` may be left out, or be an array of names. importKekId, credentialId and wrappedCredential are there
 * together, or not at all: a NIC in plaintext import mode needs no login.
 */
import type {LoginOptions} from '../../dek-layout.js';
import {fault} from '../fault.js';
import {type Lines, MAX_LINE_BYTES} from '../lines.js';
import {
  EDITION_MEMBERS,
  type Edition,
  editionMembers,
  type FormatVersion,
  nextEdition,
  parseEdition,
} from './edition.js';
import {assertCanonical, parseObject, shown} from './json-object.js';
import {LOGIN_MEMBERS, loginMembers, parseKcv, parseLogin} from './login.js';

/** The member that only a header has: its value is the version of the format. */
export const VERSION_MEMBER = 'dek-manifest';

/** What all DEKs of a manifest have in common. */
export interface ManifestHeader {
  /** Which manifest it is; without it the header is one of version 1, which does not tell. */
  edition?: Edition | null;
  /** The NICs that are to hold the DEKs, all of them each; empty: the host or the command line says which. */
  devices: string[];
  /**
   * The key check value of the import KEK that wrapped everything in the manifest: 5 bytes. null where it cannot tell
   * one, since version 2.
   */
  importKekKcv: Uint8Array | null;
  /** null: the manifest is for NICs in plaintext import mode only. */
  login: LoginOptions | null;
}

const MEMBERS_OF_BOTH = [VERSION_MEMBER, 'device', ...LOGIN_MEMBERS, 'importKekKcv'];
const MEMBERS: Readonly<Record<FormatVersion, ReadonlySet<string>>> = {
  1: new Set(MEMBERS_OF_BOTH),
  2: new Set([...MEMBERS_OF_BOTH, ...EDITION_MEMBERS]),
};
/** Names as mlx5_0, PCI addresses and node GUIDs. */
const DEVICE = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/;

/** The version of the format that the manifest is in. */
export function versionOf({edition}: ManifestHeader): FormatVersion {
  return edition ? 2 : 1;
}

/** The header of what is written in the place of a manifest with this one. */
export function nextHeader(header: ManifestHeader): ManifestHeader {
  return header.edition ? {...header, edition: nextEdition(header.edition)} : header;
}

/** The header in line 1, which ends in a line feed. Throws BAD_INPUT. */
export function parseHeader({text: bytes}: Pick<Lines, 'text'>): ManifestHeader {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length - 1).toString('latin1');
  const value = parseObject(text, 1);
  const version = parseVersion(value[VERSION_MEMBER]);
  const header = {
    ...(version === 1 ? {} : {edition: parseEdition(value)}),
    devices: parseDevices(value['device']),
    importKekKcv: version === 2 && value['importKekKcv'] === undefined ? null : parseKcv(value),
    login: LOGIN_MEMBERS.every((name) => value[name] === undefined) ? null : parseLogin(value),
  };
  assertCanonical(value, text, 1, MEMBERS[version]);
  return header;
}

/** The header's line. It is checked by reading it again. Throws BAD_INPUT. */
export function formatHeader({edition, devices, importKekKcv, login}: ManifestHeader): Uint8Array {
  const {nextLogin, ...members} = edition ? editionMembers(edition) : {};
  const line = JSON.stringify({
    [VERSION_MEMBER]: edition ? 2 : 1,
    ...members,
    ...(devices.length === 0 ? {} : {device: devices.length === 1 ? devices[0] : devices}),
    ...loginMembers(login, importKekKcv),
    nextLogin,
  });
  const text = Buffer.from(`${line}\n`, 'latin1');
  parseHeader({text});
  if (text.length <= MAX_LINE_BYTES) return text;
  throw fault(
    1,
    null,
    `would have ${text.length} bytes, and no line has more than ${MAX_LINE_BYTES}`,
    'name fewer hosts',
  );
}

function parseVersion(version: unknown): FormatVersion {
  if (version === 1 || version === 2) return version;
  if (version === undefined) {
    throw fault(1, null, `expected the header, an object with the member "${VERSION_MEMBER}"`, 'see dek-manifest(5)');
  }
  const hint = 'another version of dek wrote it';
  throw fault(1, VERSION_MEMBER, `expected 1 or 2, the version of the format, got ${shown(version)}`, hint);
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

/**
 * What a header says of a login: two ids and a wrapped credential, and the key check value of the import KEK. Of the
 * login that is meant now, and of the next one.
 */
import {fromHex, toHex} from '../../bytes.js';
import {KCV_BYTES, type LoginOptions, MAX_ID, WRAPPED_CREDENTIAL_BYTES} from '../../dek-layout.js';
import {fault} from '../fault.js';
import {decodeBase64, encodeBase64} from './base64.js';
import {type JsonObject, member, shown} from './json-object.js';

/** The members of a login; they are there together or not at all. */
export const LOGIN_MEMBERS = ['importKekId', 'credentialId', 'wrappedCredential'] as const;

/** The members of a login and the key check value, in the order in which they are written. */
export function loginMembers(login: LoginOptions | null, importKekKcv: Uint8Array | null): JsonObject {
  return {
    ...(login ? {importKekId: login.importKekId} : {}),
    ...(importKekKcv ? {importKekKcv: toHex(importKekKcv)} : {}),
    ...(login ? {credentialId: login.credentialId, wrappedCredential: encodeBase64(login.credential)} : {}),
  };
}

/** The login that stands in `value`; messages name its members behind `within`. Throws BAD_INPUT. */
export function parseLogin(value: JsonObject, within = ''): LoginOptions {
  const importKekId = parseId(value, 'importKekId', within);
  const credentialId = parseId(value, 'credentialId', within);
  const name = 'wrappedCredential';
  const credential = decodeBase64(member(value, name, 1, within), 1, `${within}${name}`);
  if (credential.length === WRAPPED_CREDENTIAL_BYTES) return {importKekId, credentialId, credential};
  throw fault(1, `${within}${name}`, `expected ${WRAPPED_CREDENTIAL_BYTES} bytes, got ${credential.length}`);
}

/** The key check value of the import KEK, 5 bytes. Throws BAD_INPUT. */
export function parseKcv(value: JsonObject, within = ''): Uint8Array {
  const kcv = member(value, 'importKekKcv', 1, within);
  if (typeof kcv !== 'string' || !/^[0-9a-f]*$/.test(kcv) || kcv.length !== 2 * KCV_BYTES) {
    throw fault(1, `${within}importKekKcv`, `expected ${2 * KCV_BYTES} hex digits in lower case`);
  }
  return fromHex(kcv, 'importKekKcv');
}

function parseId(value: JsonObject, name: string, within: string): number {
  const id = member(value, name, 1, within);
  if (Number.isInteger(id) && (id as number) >= 0 && (id as number) <= MAX_ID) return id as number;
  throw fault(1, `${within}${name}`, `expected an integer from 0 to ${MAX_ID}, got ${shown(id)}`);
}

/**
 * What an agent writes down of a context that its service manager keeps for it: the table of dek-attach(7) and, behind
 * it, the login; and apart from it, since that has to be there before a service gets the context, who shares it. Public
 * facts and ciphertext: no key.
 *
 *     bytes of the table 4 | reserved 4 | table | JSON
 */

import {fromHex, toHex} from '../../bytes.js';
import {type LoginOptions, WRAPPED_CREDENTIAL_BYTES} from '../../dek-layout.js';
import {ProtocolFault} from '../wire/fault.js';
import {readSealed} from '../wire/ffi.js';
import {readTable, type Table, writeTable} from '../wire/table.js';

const HEAD_BYTES = 8;

/** A process that shares a context. Its start tells it from another that got its id later. */
export interface KeptTenant {
  readonly pid: number;
  readonly uid: number;
  /** In clock ticks after the boot: proc(5), stat; null where that could not be read. */
  readonly startTime: string | null;
}

export interface ContextState {
  readonly table: Table;
  readonly login: LoginOptions | null;
}

export function writeState({table, login}: ContextState): Uint8Array {
  const bytes = writeTable(table);
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32LE(bytes.length);
  const rest = {login: login && {...login, credential: toHex(login.credential)}};
  return Buffer.concat([head, bytes, Buffer.from(JSON.stringify(rest))]);
}

/** Throws ProtocolFault, SyntaxError or DekError for what no agent of this version wrote. */
export function readState(fd: number): ContextState {
  const bytes = readSealed(fd);
  const tableBytes = bytes.length < HEAD_BYTES ? 0 : bytes.readUInt32LE();
  const end = HEAD_BYTES + tableBytes;
  const table = readTable(bytes.subarray(HEAD_BYTES, end));
  const {login} = JSON.parse(bytes.toString('utf8', end)) as {
    login: {credential: string; credentialId: number; importKekId: number} | null;
  };
  return {table, login: login && {...login, credential: credentialOf(login.credential)}};
}

export function writeTenant(tenant: KeptTenant): Uint8Array {
  return Buffer.from(JSON.stringify(tenant));
}

/** Throws as `readState`. */
export function readTenant(fd: number): KeptTenant {
  return JSON.parse(readSealed(fd).toString()) as KeptTenant;
}

function credentialOf(hex: string): Uint8Array {
  const credential = fromHex(hex, 'credential');
  if (credential.length !== WRAPPED_CREDENTIAL_BYTES) throw new ProtocolFault('this is no wrapped credential');
  return credential;
}

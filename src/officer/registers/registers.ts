/**
 * The crypto officer's registers, as mstflint's register tables and DPDK's mlx5_prm.h have them: bytes in, bytes out.
 *
 *     CRYPTO_OPERATIONAL 0xC002, 0x80 bytes: operational 0x0/1 (read only), going to commissioning 0x1/1,
 *       kek_size 0x1c/4 (0: 128 bits, 1: 256), credential at byte 8 (40), kek at byte 0x30 (16 or 32)
 *     IMPORT_KEK_HANDLE 0xC004, CREDENTIAL_HANDLE 0xC005, 0x300 bytes: a CRYPTO_LOGIN, at byte 0x100 an IMPORT_KEK or
 *       a CREDENTIAL, then write_operation 0x1004/4 (1: add, 2: delete), id 0x1008/24
 *     CRYPTO_LOGIN: credential id 0x88/24, import KEK id 0xa8/24, credential at byte 0x40 (48)
 *     IMPORT_KEK: state 0x40/8, key_size 0x54/4, key at byte 0x40
 *     CREDENTIAL: state 0x40/8, role 0x58/8, credential at byte 0x40
 *
 * How a wrapped import KEK stands in `key` is not public: KW(KEK of the login, KEK), 24 or 40 bytes at its beginning,
 * is what we take it for. Left out: CRYPTO_COMMISSIONING, the way back, for which NVIDIA signs a token.
 */
import {secretBytes} from '../../bytes.js';
import {type LoginOptions, ROLES, type Role} from '../../dek-layout.js';
import {type Field, getField, putField} from './mailbox.js';

/** What an officer adds and deletes. */
export type KeyKind = 'kek' | 'credential';

/** What a NIC tells of a KEK or a credential. */
export interface KeyReport {
  readonly id: number;
  readonly state: 'READY' | 'ERROR';
  /** Of an import KEK: 16 or 32. */
  readonly bytes?: number;
  /** Of a credential. */
  readonly role?: Role;
}

/** A register and what it is called. */
export interface Register {
  readonly id: number;
  readonly name: string;
  readonly bytes: number;
}

export const CRYPTO_OPERATIONAL: Register = {id: 0xc002, name: 'CRYPTO_OPERATIONAL', bytes: 0x80};
export const HANDLES: Readonly<Record<KeyKind, Register>> = {
  kek: {id: 0xc004, name: 'IMPORT_KEK_HANDLE', bytes: 0x300},
  credential: {id: 0xc005, name: 'CREDENTIAL_HANDLE', bytes: 0x300},
};

const OPERATIONAL: Field = [0x0, 1];
const GOING_TO_COMMISSIONING: Field = [0x1, 1];
const KEK_SIZE: Field = [0x1c, 4];
const [CREDENTIAL_AT, KEK_AT] = [0x08, 0x30];

const LOGIN = {credentialId: [0x88, 24], importKekId: [0xa8, 24]} as const satisfies Record<string, Field>;
const LOGIN_CREDENTIAL_AT = 0x40;
const OBJECT_AT = 0x100;
const STATE: Field = [8 * OBJECT_AT + 0x40, 8];
/** Size of a KEK, role of a credential. */
const CHOICE: Readonly<Record<KeyKind, Field>> = {
  kek: [8 * OBJECT_AT + 0x54, 4],
  credential: [8 * OBJECT_AT + 0x58, 8],
};
const SECRET_AT = OBJECT_AT + 0x40;
const WRITE_OPERATION: Field = [0x1004, 4];
const HANDLE_ID: Field = [0x1008, 24];
const [ADD, DELETE] = [1, 2];

/** What takes a NIC to operational: both secrets in the clear. The caller wipes it. */
export function operationalRegister(kek: Uint8Array, credential: Uint8Array): Uint8Array {
  const register = secretBytes(CRYPTO_OPERATIONAL.bytes);
  putField(register, KEK_SIZE, kek.length === 32 ? 1 : 0);
  register.set(credential, CREDENTIAL_AT);
  register.set(kek, KEK_AT);
  return register;
}

/** What CRYPTO_OPERATIONAL says. */
export function readOperational(register: Uint8Array): {operational: boolean; goingToCommissioning: boolean} {
  return {
    operational: getField(register, OPERATIONAL) === 1,
    goingToCommissioning: getField(register, GOING_TO_COMMISSIONING) === 1,
  };
}

/** A KEK or credential to add: 24 or 40 wrapped bytes of a KEK, 48 of a credential and its role. */
export interface Addition {
  readonly wrapped: Uint8Array;
  readonly role?: Role;
}

/** The size of a KEK, 1 for 32 bytes; the role of a credential. */
export function choiceOf(kind: KeyKind, {wrapped, role}: Addition): number {
  return kind === 'kek' ? Number(wrapped.length === 40) : ROLES.indexOf(role ?? 'user');
}

/** What adds: the NIC answers with the id. The caller wipes it. */
export function additionRegister(kind: KeyKind, login: LoginOptions, addition: Addition): Uint8Array {
  const register = loginRegister(login);
  putField(register, CHOICE[kind], choiceOf(kind, addition));
  register.set(addition.wrapped, SECRET_AT);
  putField(register, WRITE_OPERATION, ADD);
  return register;
}

/** What deletes. The caller wipes it. */
export function deletionRegister(login: LoginOptions, id: number): Uint8Array {
  const register = queryRegister(login, id);
  putField(register, WRITE_OPERATION, DELETE);
  return register;
}

/** What asks for one. The caller wipes it. */
export function queryRegister(login: LoginOptions, id: number): Uint8Array {
  const register = loginRegister(login);
  putField(register, HANDLE_ID, id);
  return register;
}

/** The id that the NIC gave to an addition. */
export function readId(register: Uint8Array): number {
  return getField(register, HANDLE_ID);
}

/** What the NIC says of the one with this id. */
export function readKey(kind: KeyKind, id: number, register: Uint8Array): KeyReport {
  const state = getField(register, STATE) === 0 ? 'READY' : 'ERROR';
  const choice = getField(register, CHOICE[kind]);
  if (kind === 'kek') return {id, state, bytes: choice === 1 ? 32 : 16};
  return {id, state, role: choice === 0 ? 'officer' : 'user'};
}

function loginRegister({credential, credentialId, importKekId}: LoginOptions): Uint8Array {
  const register = secretBytes(HANDLES.kek.bytes);
  putField(register, LOGIN.credentialId, credentialId);
  putField(register, LOGIN.importKekId, importKekId);
  register.set(credential, LOGIN_CREDENTIAL_AT);
  return register;
}

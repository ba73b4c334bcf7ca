/**
 * What everything here knows of DEKs and logins: the four layouts of a DEK, the sizes of keys, credentials and labels,
 * the range of ids, the states. 40 and 72 bytes stand twice, as plaintext with a keytag and as wrapped without: so
 * there is one look-up for wrapped lengths and one for plaintext lengths.
 */
import {type LengthRange, orList} from './bytes.js';
import {DekError} from './errors.js';

/** Lengths of an import KEK. 24 bytes are legal AES and useless to a NIC. */
export const KEK_BYTES: readonly number[] = [16, 32];
/** Bytes of a keytag, the last of the plaintext. */
export const KEYTAG_BYTES = 8;
/** Bytes of a check value (DCV). */
export const DCV_BYTES = 16;
/** Bytes of its hints: two for each wrong arrangement of the key. */
export const DCV_HINT_BYTES = 6;
/** Bytes of a credential in plaintext. */
export const CREDENTIAL_BYTES = 40;
/** Bytes of a wrapped credential. */
export const WRAPPED_CREDENTIAL_BYTES = 48;
/** Bytes of the key check value of a KEK. */
export const KCV_BYTES = 5;
/** Bytes of the label of a DEK on the NIC, padded with zeros. */
export const OPAQUE_BYTES = 8;
/** Lengths of a label as it is given. */
export const OPAQUE_LENGTHS: LengthRange = {min: 0, max: OPAQUE_BYTES, step: 1};
/** The highest id of an import KEK or a credential on a NIC: 24 bits. */
export const MAX_ID = 0xffffff;
/** RFC 3394 section 2: key wrap works on blocks of 64 bits, and adds one. */
export const SEMIBLOCK_BYTES = 8;

/** Bits of each of key1 and key2, as NVIDIA counts: AES-128-XTS or AES-256-XTS. */
export type KeySize = 128 | 256;

/** How a DEK is handed to a NIC. */
export type ImportMode = 'wrapped' | 'plaintext';

/** ERROR: the key is unusable, and has to be destroyed and created again. */
export type DekState = 'READY' | 'ERROR';

/** VALID; NO_LOGIN: logged out; INVALID: the officer deleted its import KEK or credential from the NIC. */
export type LoginState = 'VALID' | 'NO_LOGIN' | 'INVALID';

/** In the order of the NIC's numbers. */
export const ROLES = ['officer', 'user'] as const;
/** What a login with a credential may do: an officer adds and deletes KEKs and credentials, a user has DEKs made. */
export type Role = (typeof ROLES)[number];

/** What a crypto login takes: mlx5dv_crypto_login_create(3). */
export interface LoginOptions {
  /** The wrapped credential, 48 bytes. */
  credential: Uint8Array;
  /** Where the NIC keeps the credential to compare with: 24 bits. */
  credentialId: number;
  /** Where the NIC keeps the import KEK that unwraps the credential, and all DEKs after it: 24 bits. */
  importKekId: number;
}

/** One of the four forms of a DEK. */
export interface DekLayout {
  readonly keySize: KeySize;
  /** Whether an 8-byte keytag follows key2. */
  readonly keytag: boolean;
  readonly plaintextBytes: number;
  readonly wrappedBytes: number;
}

/** Plaintext is key1, key2 and, if there is one, the keytag: mlx5dv_dek_create(3). */
export const DEK_LAYOUTS: readonly DekLayout[] = [
  {keySize: 128, keytag: false, plaintextBytes: 32, wrappedBytes: 40},
  {keySize: 128, keytag: true, plaintextBytes: 40, wrappedBytes: 48},
  {keySize: 256, keytag: false, plaintextBytes: 64, wrappedBytes: 72},
  {keySize: 256, keytag: true, plaintextBytes: 72, wrappedBytes: 80},
];

/** 32, 40, 64, 72. */
export const DEK_PLAINTEXT_BYTES: readonly number[] = DEK_LAYOUTS.map((layout) => layout.plaintextBytes);
/** 40, 48, 72, 80. */
export const DEK_WRAPPED_BYTES: readonly number[] = DEK_LAYOUTS.map((layout) => layout.wrappedBytes);

/** The length after a wrap. */
export function wrappedBytes(plaintextBytes: number): number {
  return plaintextBytes + SEMIBLOCK_BYTES;
}

/** The length before a wrap. */
export function plaintextBytes(wrappedBytes: number): number {
  return wrappedBytes - SEMIBLOCK_BYTES;
}

/** The layout of a wrapped DEK of this length. Throws BAD_ARGUMENT for a length outside the table. */
export function layoutOfWrapped(bytes: number): DekLayout {
  return find((layout) => layout.wrappedBytes === bytes, 'wrapped DEK', DEK_WRAPPED_BYTES, bytes);
}

/** The layout of a plaintext DEK of this length. Throws BAD_ARGUMENT for a length outside the table. */
export function layoutOfPlaintext(bytes: number): DekLayout {
  return find((layout) => layout.plaintextBytes === bytes, 'plaintext DEK', DEK_PLAINTEXT_BYTES, bytes);
}

/** The layout of a DEK of this key size, with or without a keytag. Throws BAD_ARGUMENT for any other key size. */
export function layoutOf(keySize: number, keytag: boolean): DekLayout {
  return find((layout) => layout.keySize === keySize && layout.keytag === keytag, 'key size', [128, 256], keySize);
}

function find(is: (layout: DekLayout) => boolean, what: string, allowed: readonly number[], got: unknown): DekLayout {
  const layout = DEK_LAYOUTS.find(is);
  if (layout) return layout;
  throw new DekError(
    'BAD_ARGUMENT',
    `"${what}" expected ${orList(allowed)}, got ${typeof got === 'number' ? got : typeof got}`,
  );
}

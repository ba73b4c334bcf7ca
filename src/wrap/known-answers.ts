/**
 * Known answers: each vector both ways, alone and as many keys. Pure: the vectors come parsed (their files are
 * vectors/*.json); it never throws for a vector that fails, however broken the vector.
 */

import {equalBytes, fromHex} from '../bytes.js';
import {DekError} from '../errors.js';
import {unwrapKeys, wrapKeys} from './bulk.js';
import {unwrapCredential, wrapCredential} from './credential.js';
import {dcvHints, dekCheckValue} from './dcv/dcv.js';
import {splitDek, unwrapDek, wrapDek} from './dek-keys.js';
import {keyCheckValue} from './kcv.js';
import {unwrapKey, wrapKey} from './kw.js';

/** What the vectors of a set hold: bare key wrap, DEKs, credentials, check values of KEKs, or of DEKs. */
export type VectorKind = 'kw' | 'dek' | 'credential' | 'kcv' | 'dcv';

/** A file of vectors. All values but `id` and `error` are bytes in hex. */
export interface VectorSet {
  kind: VectorKind;
  /**
   * `wrapped` is the plaintext under the KEK; in a set of kind `kcv`, `kcv` is the KEK's check value; in one of kind
   * `dcv`, `dcv` and `hints` are those of the plaintext `dek`.
   */
  vectors: {
    id: string;
    kek?: string | undefined;
    plaintext?: string;
    wrapped?: string;
    kcv?: string;
    dek?: string;
    dcv?: string;
    hints?: string;
  }[];
  /** What an unwrap must refuse, and with which code. */
  refused?: {id: string; kek: string; wrapped: string; error: string}[];
}

export interface KnownAnswerResult {
  id: string;
  ok: boolean;
}

/** Checks every vector of `set` on this machine; one result for each, in the order of the set. */
export function checkKnownAnswers(set: VectorSet): KnownAnswerResult[] {
  const kind = set.kind;
  return [
    ...set.vectors.map((vector) => ({id: vector.id, ok: holds(() => accepts(kind, vector))})),
    ...(set.refused ?? []).map((vector) => ({id: vector.id, ok: holds(() => refuses(kind, vector))})),
  ];
}

function accepts(kind: VectorKind, vector: VectorSet['vectors'][number]): boolean {
  if (kind === 'dcv') {
    const dek = bytes(vector.dek);
    return equalBytes(dekCheckValue(dek), bytes(vector.dcv)) && equalBytes(dcvHints(dek), bytes(vector.hints));
  }
  const kek = bytes(vector.kek);
  if (kind === 'kcv') return equalBytes(keyCheckValue(kek), bytes(vector.kcv));
  const plaintext = bytes(vector.plaintext);
  const wrapped = bytes(vector.wrapped);
  return (
    equalBytes(wrap(kind, kek, plaintext), wrapped) &&
    equalBytes(unwrap(kind, kek, wrapped), plaintext) &&
    equalBytes(wrapKeys(kek, thrice(plaintext), plaintext.length), thrice(wrapped)) &&
    equalBytes(unwrapKeys(kek, thrice(wrapped), plaintext.length), thrice(plaintext))
  );
}

function thrice(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([bytes, bytes, bytes]);
}

function refuses(kind: VectorKind, vector: NonNullable<VectorSet['refused']>[number]): boolean {
  try {
    unwrap(kind, bytes(vector.kek), bytes(vector.wrapped));
    return false;
  } catch (error) {
    return error instanceof DekError && error.code === vector.error;
  }
}

function wrap(kind: VectorKind, kek: Uint8Array, plaintext: Uint8Array): Uint8Array {
  if (kind === 'dek') return wrapDek(kek, splitDek(plaintext));
  if (kind === 'credential') return wrapCredential(kek, plaintext);
  return wrapKey(kek, plaintext);
}

function unwrap(kind: VectorKind, kek: Uint8Array, wrapped: Uint8Array): Uint8Array {
  if (kind === 'credential') return unwrapCredential(kek, wrapped);
  if (kind !== 'dek') return unwrapKey(kek, wrapped);
  const {key1, key2, keytag} = unwrapDek(kek, wrapped);
  return Buffer.concat(keytag ? [key1, key2, keytag] : [key1, key2]);
}

function bytes(hex: string | undefined): Uint8Array {
  return fromHex(hex ?? '?', 'vector');
}

function holds(check: () => boolean): boolean {
  try {
    return check();
  } catch {
    return false;
  }
}

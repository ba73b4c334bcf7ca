/** The vector files of vectors/, parsed. */
import fs from 'node:fs';
import type {VectorSet} from '../../../src/wrap/known-answers.js';

/** A vector of `vectors` in a file of kind kw, dek or credential. */
export interface WrapVector {
  id: string;
  kek: string;
  plaintext: string;
  wrapped: string;
}

interface VectorFile extends VectorSet {
  vectors: (WrapVector & {kcv: string})[];
  refused: NonNullable<VectorSet['refused']>;
  /** RFC 3394's vectors with a KEK of 24 bytes. */
  kek24: WrapVector[];
}

export function readVectors(name: 'rfc3394' | 'dek' | 'credential' | 'kcv' | 'dcv' | 'nvidia'): VectorFile {
  return {refused: [], kek24: [], ...read<object>(name)} as unknown as VectorFile;
}

/** A signature by an SSH key. */
export interface SignatureVector {
  id: string;
  /** In base64. */
  publicKey: string;
  /** In its armor. */
  signature: string;
}

/** Signatures of `data`; those of `refused` are of no kind that we take. */
export function readSignatureVectors(): {data: string; vectors: SignatureVector[]; refused: SignatureVector[]} {
  return read('sshsig');
}

function read<T>(name: string): T {
  const url = new URL(`../../../../vectors/${name}.json`, import.meta.url);
  return JSON.parse(fs.readFileSync(url, 'utf8')) as T;
}

/** Bytes of hex, as a plain Uint8Array. */
export function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

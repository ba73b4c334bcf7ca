/** The vector files of vectors/, parsed. */
import fs from 'node:fs';
import type {VectorSet} from '../../src/wrap/known-answers.js';

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
  const url = new URL(`../../../vectors/${name}.json`, import.meta.url);
  return {refused: [], kek24: [], ...JSON.parse(fs.readFileSync(url, 'utf8'))};
}

/** Bytes of hex, as a plain Uint8Array. */
export function bytes(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, 'hex'));
}

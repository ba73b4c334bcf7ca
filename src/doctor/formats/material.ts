/** What the files of this project and of its peers hold: a wrapped credential, wrapped DEKs. Ciphertext only. */
import {DEK_WRAPPED_BYTES, layoutOfWrapped, WRAPPED_CREDENTIAL_BYTES} from '../../dek-layout.js';
import {DekError} from '../../errors.js';

export interface NamedDek {
  readonly name: string;
  /** 40, 48, 72 or 80 bytes. */
  readonly wrapped: Uint8Array;
}

export interface Material {
  /** 48 bytes, or null. */
  readonly credential: Uint8Array | null;
  readonly deks: readonly NamedDek[];
}

/** How a file is to be read, where it does not tell. */
export interface ReadOptions {
  /** What is in the file, where it has a single value of 48 bytes: a credential, not a DEK. */
  readonly isCredential: boolean;
  /** What the DEK of a file without names is called. */
  readonly name: string;
}

/** A single value: a credential if that was said, else a DEK by its length. Throws BAD_INPUT. */
export function single(bytes: Uint8Array, {isCredential, name}: ReadOptions): Material {
  if (isCredential) {
    if (bytes.length !== WRAPPED_CREDENTIAL_BYTES) {
      throw new DekError('BAD_INPUT', `${bytes.length} bytes are no wrapped credential, which has 48`);
    }
    return {credential: bytes, deks: []};
  }
  if (!DEK_WRAPPED_BYTES.includes(bytes.length)) {
    throw new DekError('BAD_INPUT', `${bytes.length} bytes are no wrapped DEK, which has 40, 48, 72 or 80`, {
      hint: 'only ciphertext is converted: wrap a plaintext key first, dek wrap',
    });
  }
  return {credential: null, deks: [{name, wrapped: bytes}]};
}

/** The only value of what is to be written into a file that holds one. Throws BAD_ARGUMENT. */
export function onlyOne({credential, deks}: Material, format: string): Uint8Array {
  if (credential !== null && deks.length === 0) return credential;
  if (credential === null && deks.length === 1) return deks[0]!.wrapped;
  if (credential === null && deks.length === 0) throw new DekError('BAD_INPUT', 'there is nothing to convert');
  throw new DekError('BAD_ARGUMENT', `a file of format ${format} holds one value, and there are several`, {
    hint: 'choose one with --name NAME, or the credential with --credential',
  });
}

/** `128-bit DEK without keytag`. */
export function kindOf({wrapped}: NamedDek): {keySize: number; keytag: boolean} {
  return layoutOfWrapped(wrapped.length);
}

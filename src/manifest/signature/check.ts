/** Whether a signature is of this key and these bytes: the one place where node:crypto is asked. */
import {createHash, verify} from 'node:crypto';
import {derInteger, derSequence} from './der.js';
import type {Digests} from './digests.js';
import type {PublicKey} from './public-key.js';
import {type Signature, signedBytes} from './sshsig.js';
import {WireReader} from './wire.js';

/** In the flags of a FIDO key: somebody has touched it. */
const USER_PRESENT = 1;
/** What RSA keys may sign with: not with SHA-1. */
const RSA_HASHES: Readonly<Record<string, string>> = {'rsa-sha2-256': 'sha256', 'rsa-sha2-512': 'sha512'};

/**
 * Whether `signature`, by `publicKey`, is of a file with these digests. Throws BAD_INPUT where it is none that such a
 * key makes.
 */
export function isSignatureOf(signature: Signature, publicKey: PublicKey, digests: Digests): boolean {
  const {type, algorithm, application} = publicKey;
  const reader = new WireReader(signature.signature, `the signature of ${publicKey.fingerprint}`);
  const signedAs = reader.text();
  const rsaHash = algorithm === 'rsa' ? RSA_HASHES[signedAs] : undefined;
  if (algorithm === 'rsa' ? rsaHash === undefined : signedAs !== type) throw reader.fault('is of another type of key');
  const numbers = reader.string();
  const bytes = signedBytes(signature, digests);
  const signed = application === null ? bytes : fidoBytes(bytes, application, reader);
  reader.end();
  if (signed === null) return false;
  switch (algorithm) {
    case 'ed25519':
      return verify(null, signed, publicKey.key, numbers);
    case 'ecdsa':
      return verify(publicKey.hash, signed, publicKey.key, derOf(numbers));
    case 'rsa':
      return verify(rsaHash, signed, publicKey.key, atModulusLength(numbers, publicKey));
  }
}

/** Some programs leave the zeros before a signature out, and OpenSSH takes that. */
function atModulusLength(signature: Uint8Array, {key}: PublicKey): Uint8Array {
  const missing = key.asymmetricKeyDetails!.modulusLength! / 8 - signature.length;
  return missing > 0 ? Buffer.concat([Buffer.alloc(missing), signature]) : signature;
}

/** What a FIDO key signs in the place of `bytes` (PROTOCOL.u2f); null when nobody has touched it. */
function fidoBytes(bytes: Uint8Array, application: string, reader: WireReader): Uint8Array | null {
  const flags = reader.byte();
  const counter = reader.take(4);
  const sha256 = (data: Uint8Array | string): Buffer => createHash('sha256').update(data).digest();
  if ((flags & USER_PRESENT) === 0) return null;
  return Buffer.concat([sha256(application), Buffer.from([flags]), counter, sha256(bytes)]);
}

/** Two integers as ECDSA-Sig-Value of RFC 3279, which OpenSSL takes. */
function derOf(numbers: Uint8Array): Uint8Array {
  const reader = new WireReader(numbers, 'an ECDSA signature');
  const [r, s] = [reader.integer(), reader.integer()];
  reader.end();
  return derSequence(derInteger(r), derInteger(s));
}

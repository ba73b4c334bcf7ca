/** Signing: by a key in a file, or by one that an ssh-agent has. */
import {equalBytes} from '../../bytes.js';
import {DekError} from '../../errors.js';
import {isSignatureOf} from './check.js';
import type {Digests} from './digests.js';
import {type PublicKey, parsePublicKey} from './public-key.js';
import {
  formatSignature,
  MAX_SIGNATURES,
  type Namespace,
  parseSignatures,
  type Signature,
  signedBytes,
} from './sshsig.js';

/** A private key, here or elsewhere. */
export interface KeyThatSigns {
  readonly publicKey: PublicKey;
  /** The signature as SSH has it: its type and its numbers. */
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

/** A signature of the file with these digests. Throws IO when what the key gives is none. */
export async function makeSignature(key: KeyThatSigns, namespace: Namespace, digests: Digests): Promise<Signature> {
  const {publicKey} = key;
  const unsigned = {publicKey: publicKey.blob, namespace, reserved: new Uint8Array(), hash: 'sha512'} as const;
  const signature = {...unsigned, signature: await key.sign(signedBytes(unsigned, digests))};
  // A key elsewhere may be broken, and a fault in a computation can give a key away.
  if (isSignatureOf(signature, publicKey, digests)) return signature;
  throw new DekError('IO', `what ${publicKey.fingerprint} gave is not a signature of this file`, {
    hint: 'a FIDO key has to be touched',
  });
}

/**
 * The content of a file of signatures with one more: those in `before` that are of the same file are kept, but none of
 * the same key. Tells how many were left out because they are of something else.
 */
export function addSignature(
  before: Uint8Array | null,
  added: Signature,
  digests: Digests,
): {text: string; kept: number; dropped: number} {
  const there = before === null || before.length === 0 ? [] : parseSignatures(before);
  const others = there.filter(({publicKey}) => !equalBytes(publicKey, added.publicKey));
  const kept = others.filter((signature) => isOf(signature, added.namespace, digests));
  if (kept.length >= MAX_SIGNATURES) throw new DekError('LIMIT', `there are ${MAX_SIGNATURES} signatures already`);
  const text = [...kept, added].map(formatSignature).join('');
  return {text, kept: kept.length, dropped: others.length - kept.length};
}

/** Whether it is a signature of this file, by whomever. */
function isOf(signature: Signature, namespace: string, digests: Digests): boolean {
  if (signature.namespace !== namespace) return false;
  try {
    return isSignatureOf(signature, parsePublicKey(signature.publicKey, 'a key'), digests);
  } catch (error) {
    if (error instanceof DekError && error.code === 'BAD_INPUT') return false;
    throw error;
  }
}

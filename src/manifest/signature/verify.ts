/** Who has signed a file, and whether that is enough. */
import {DekError} from '../../errors.js';
import type {AllowedSigner, AllowedSigners} from './allowed-signers.js';
import {isSignatureOf} from './check.js';
import type {Digests} from './digests.js';
import {fingerprintOf} from './public-key.js';
import {type Namespace, parseSignatures, type Signature} from './sshsig.js';

/** What a host, or whoever verifies, asks for. */
export interface Trust {
  readonly signers: AllowedSigners;
  /** How many of them have to sign: distinct principals with distinct keys. */
  readonly threshold: number;
}

/** One who has signed a manifest or a release. */
export interface Signer {
  /** The name by which the allowed signers have the key. */
  readonly principal: string;
  /** Of the key: `SHA256:...`. */
  readonly fingerprint: string;
  /** `ssh-ed25519` */
  readonly keyType: string;
}

/** There are no signatures at all, which may come later than what they are of. */
export class NotSigned extends DekError<'UNSIGNED'> {
  constructor(called: string) {
    super('UNSIGNED', `${called} is not signed`, {hint: 'dek manifest sign FILE --key SOURCE'});
  }
}

/** What messages call the file that was signed. */
const CALLED: Readonly<Record<Namespace, string>> = {'dek-manifest': 'the manifest', 'dek-release': 'the release'};

/**
 * Those who have signed the file with these digests, by the content of its file of signatures; null where there is
 * none. `at` is when (milliseconds since 1970) keys have to be valid; null: their dates do not count. Throws UNSIGNED
 * where fewer than the threshold are allowed; BAD_SIGNATURE when one of theirs is of another file; BAD_INPUT.
 */
export function verifySignatures(
  file: Uint8Array | null,
  namespace: Namespace,
  digests: Digests,
  {signers, threshold}: Trust,
  at: number | null,
): Signer[] {
  const called = CALLED[namespace];
  if (file === null) throw new NotSigned(called);
  const found: AllowedSigner[] = [];
  const others: string[] = [];
  for (const signature of parseSignatures(file)) {
    const fingerprint = fingerprintOf(signature.publicKey);
    const lines = linesOf(signers, namespace, signature);
    const why = whyNot(signature, namespace, lines, at);
    if (why !== null) others.push(`${fingerprint} ${why}`);
    else if (isSignatureOf(signature, lines[0]!.publicKey, digests)) found.push(...lines);
    else throw misfit(called, lines[0]!);
  }
  const groups = apart(found);
  if (groups.length >= threshold) return groups.map(signerOf);
  const of = groups.length === 0 ? 'no allowed signer' : groups.map((group) => signerOf(group).principal).join(', ');
  const rest = others.length === 0 ? '' : ` (${others.slice(0, 3).join('; ')}${others.length > 3 ? '; and more' : ''})`;
  const needed = threshold === 1 ? '' : `, and ${threshold} distinct signers with distinct keys are needed`;
  throw new DekError('UNSIGNED', `${called} is signed by ${of}${needed}${rest}`, {
    hint: 'have it signed by those whom the allowed signers name: dek manifest sign',
  });
}

/** The lines of the allowed signers that name the key of a signature, for this purpose. */
function linesOf(signers: AllowedSigners, namespace: Namespace, {publicKey}: Signature): AllowedSigner[] {
  return signers.filter(({publicKey: {blob}, namespaces}) => {
    return namespaces.includes(namespace) && Buffer.compare(blob, publicKey) === 0;
  });
}

/** Why a signature does not count; null where it may. */
function whyNot(signature: Signature, namespace: Namespace, lines: AllowedSigner[], at: number | null): string | null {
  if (signature.namespace !== namespace) return 'signed it for another purpose';
  if (lines.length === 0) return 'is no allowed signer';
  if (at === null) return null;
  const isValid = ({validAfter, validBefore}: AllowedSigner): boolean =>
    (validAfter === null || at >= validAfter) && (validBefore === null || at < validBefore);
  return lines.every(isValid) ? null : 'is not valid now';
}

function misfit(called: string, {principals, publicKey: {fingerprint}}: AllowedSigner): DekError<'BAD_SIGNATURE'> {
  const who = `${principals[0]} (${fingerprint})`;
  return new DekError('BAD_SIGNATURE', `the signature of ${who} is of something else than ${called} as it is`, {
    hint: `get ${called} and its signature anew, both of one time`,
  });
}

/**
 * In groups that share neither a principal nor a key: what counts is a group. Two keys of one person are one signer,
 * and so are two names of one key.
 */
function apart(lines: readonly AllowedSigner[]): AllowedSigner[][] {
  let groups: AllowedSigner[][] = [];
  for (const line of lines) {
    const isNear = (group: readonly AllowedSigner[]): boolean => group.some((other) => isOne(line, other));
    groups = [...groups.filter((group) => !isNear(group)), [...groups.filter(isNear).flat(), line]];
  }
  return groups;
}

function isOne(a: AllowedSigner, b: AllowedSigner): boolean {
  return (
    a.publicKey.fingerprint === b.publicKey.fingerprint || a.principals.some((name) => b.principals.includes(name))
  );
}

function signerOf([line]: readonly AllowedSigner[]): Signer {
  const {principals, publicKey} = line!;
  return {principal: principals[0]!, fingerprint: publicKey.fingerprint, keyType: publicKey.type};
}

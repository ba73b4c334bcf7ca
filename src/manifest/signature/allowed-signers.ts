/**
 * Who may sign: a file as `ssh-keygen -Y verify` takes it (ssh-keygen(1), ALLOWED SIGNERS), a key a line:
 *
 *     alice,alice@example.com namespaces="dek-manifest",valid-before="20280101Z" ssh-ed25519 AAAA... comment
 *
 * Thresholds count principals, so that a principal here is a name: a pattern would stand for anybody. Certificates
 * would bring principals that stand nowhere in the file, and are not taken: no line with cert-authority. A line that is
 * for other namespaces only is not looked at any further, so that one file can serve git as well.
 */
import {DekError} from '../../errors.js';
import {matcherOf} from '../../glob.js';
import {decodeKeyText} from './key-text.js';
import {type PublicKey, parsePublicKey} from './public-key.js';
import type {Namespace} from './sshsig.js';
import {parseTimestamp} from './timestamp.js';

/** A key, and whose it is. */
export interface AllowedSigner {
  readonly principals: readonly string[];
  readonly publicKey: PublicKey;
  readonly namespaces: readonly Namespace[];
  /** Milliseconds since 1970; null: always. */
  readonly validAfter: number | null;
  readonly validBefore: number | null;
}

/** All lines of a file. */
export type AllowedSigners = readonly AllowedSigner[];

/** The most bytes of such a file. */
export const MAX_SIGNERS_BYTES = 2 ** 20;

const NAMESPACES: readonly Namespace[] = ['dek-manifest', 'dek-release'];
const PRINCIPAL = /^[A-Za-z0-9][A-Za-z0-9._@+:/-]*$/;
const HINT = 'see docs/signed.md for what a line may have';

/** Those that may sign manifests or releases. Throws BAD_INPUT, with the line at fault, also where there is nobody. */
export function parseAllowedSigners(file: Uint8Array): AllowedSigners {
  if (file.length > MAX_SIGNERS_BYTES) {
    throw new DekError('BAD_INPUT', `allowed signers: the file has more than ${MAX_SIGNERS_BYTES} bytes`);
  }
  const text = Buffer.from(file.buffer, file.byteOffset, file.length).toString('latin1');
  const signers = text.split(/\r?\n/).flatMap((line, i) => parseLine(line, `allowed signers: line ${i + 1}`) ?? []);
  if (signers.length > 0) return signers;
  throw new DekError('BAD_INPUT', 'allowed signers: the file names nobody who may sign manifests', {hint: HINT});
}

/** Null for a line that says nothing for us. */
function parseLine(line: string, where: string): AllowedSigner | null {
  const words = wordsOf(line.trim());
  if (words.length === 0) return null;
  const isKeyType = (word: string | undefined): boolean =>
    word !== undefined && /^(sk-)?(ssh|ecdsa)-[a-z0-9@.-]+$/.test(word);
  const hasOptions = !isKeyType(words[1]);
  checkText(words.slice(0, hasOptions ? 4 : 3), where);
  const options = parseOptions(hasOptions ? words[1] : undefined, where);
  if (options.namespaces.length === 0) return null;
  if (options.isAuthority) {
    throw fault(where, 'cert-authority is not supported', 'name the keys of the signers themselves');
  }
  const [type, text] = words.slice(hasOptions ? 2 : 1);
  if (type === undefined || text === undefined) throw fault(where, 'expected principals, a key type and a key', HINT);
  const publicKey = parsePublicKey(decodeKeyText(text, where), `${where}: the key`);
  if (publicKey.type !== type) throw fault(where, 'the key is of another type than the line says');
  const {namespaces, validAfter, validBefore} = options;
  return {principals: parsePrincipals(words[0]!, where), publicKey, namespaces, validAfter, validBefore};
}

function parsePrincipals(text: string, where: string): string[] {
  const principals = text.split(',');
  if (principals.every((principal) => PRINCIPAL.test(principal))) return principals;
  const hint = 'thresholds count persons: a pattern such as * would stand for anybody';
  throw fault(where, 'expected names of principals, with commas between them', hint);
}

interface Options extends Pick<AllowedSigner, 'namespaces' | 'validAfter' | 'validBefore'> {
  isAuthority: boolean;
}

function parseOptions(text: string | undefined, where: string): Options {
  const options: Record<string, string> = {};
  const rest = (text ?? '').replace(/([A-Za-z-]+)(?:="([^"]*)")?(?:,|$)/gy, (_, name: string, value = '') => {
    const key = name.toLowerCase();
    if (Object.hasOwn(options, key)) throw fault(where, `the option ${key} stands twice`);
    options[key] = value;
    return '';
  });
  const {'cert-authority': authority, namespaces, 'valid-after': after, 'valid-before': before, ...others} = options;
  if (rest !== '' || text?.endsWith(',') || namespaces === '' || Object.keys(others).length > 0)
    throw fault(where, 'has an option that is not known', HINT);
  return {
    isAuthority: authority !== undefined,
    namespaces: NAMESPACES.filter((namespace) => namespaces === undefined || isListed(namespace, namespaces)),
    validAfter: after === undefined ? null : parseTimestamp(after, `${where}: valid-after`),
    validBefore: before === undefined ? null : parseTimestamp(before, `${where}: valid-before`),
  };
}

/** Whether a list of patterns names it; ssh_config(5), PATTERNS. */
function isListed(name: string, list: string): boolean {
  const patterns = list.split(',');
  const isOneOf = (some: readonly string[]): boolean => some.some((pattern) => matcherOf(pattern)(name));
  const negated = patterns.filter((pattern) => pattern.startsWith('!')).map((pattern) => pattern.slice(1));
  return !isOneOf(negated) && isOneOf(patterns.filter((pattern) => !pattern.startsWith('!')));
}

/** The words of a line; quotes keep spaces together. None for a comment. */
function wordsOf(line: string): string[] {
  return line === '' || line.startsWith('#') ? [] : (line.match(/(?:[^ \t"]|"[^"]*")+|"/g) ?? []);
}

/** Checks words before the comment that ends a line: that may be any text. */
function checkText(words: readonly string[], where: string): void {
  if (!words.every((word) => /^[\t\x20-\x7e]*$/.test(word))) throw fault(where, 'is not text in ASCII');
  if (words.includes('"')) throw fault(where, 'has a quote without an end');
}

function fault(where: string, text: string, hint?: string): DekError<'BAD_INPUT'> {
  return new DekError('BAD_INPUT', `${where}: ${text}`, {hint});
}

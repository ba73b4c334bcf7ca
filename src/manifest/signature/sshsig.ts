/**
 * SSHSIG: detached signatures by SSH keys, as `ssh-keygen -Y sign` makes them (OpenSSH, PROTOCOL.sshsig). A file of
 * ours has one armored signature after the other:
 *
 *     -----BEGIN SSH SIGNATURE-----
 *     base64 of
 *       byte[6]  "SSHSIG"
 *       uint32   1
 *       string   public key
 *       string   namespace
 *       string   reserved
 *       string   hash algorithm, sha256 or sha512
 *       string   signature
 *     -----END SSH SIGNATURE-----
 *
 * What the key signs is "SSHSIG", namespace, reserved, hash algorithm and the hash of the file, each but the first a
 * string. Nothing here verifies anything.
 */
import {DekError} from '../../errors.js';
import type {Digests} from './digests.js';
import {WireReader, wireString} from './wire.js';

/** What a signature is for: one that was made for another purpose does not count. */
export type Namespace = 'dek-manifest' | 'dek-release';

/** A signature, taken apart. */
export interface Signature {
  /** The public key, not yet looked at. */
  readonly publicKey: Uint8Array;
  readonly namespace: string;
  readonly reserved: Uint8Array;
  readonly hash: keyof Digests;
  /** By the key: its type and its numbers. */
  readonly signature: Uint8Array;
}

/** The most bytes of a file of signatures: more than `MAX_SIGNATURES` by RSA keys of 16,384 bits have. */
export const MAX_SIGNATURES_BYTES = 2 ** 18;
/** The most signatures of a file. */
export const MAX_SIGNATURES = 32;

const MAGIC = Buffer.from('SSHSIG');
const VERSION = 1;
const BEGIN = '-----BEGIN SSH SIGNATURE-----';
const END = '-----END SSH SIGNATURE-----';
const LINE_CHARACTERS = 70;

/** The signatures in a file, in order. Throws BAD_INPUT; one at least is there. */
export function parseSignatures(file: Uint8Array): Signature[] {
  if (file.length > MAX_SIGNATURES_BYTES) throw fault(`have more than ${MAX_SIGNATURES_BYTES} bytes`);
  const lines = Buffer.from(file.buffer, file.byteOffset, file.length).toString('latin1').split(/\r?\n/);
  const signatures: Signature[] = [];
  for (let i = 0; i < lines.length; i++) {
    if (lines[i]!.trim() === '') continue;
    if (lines[i] !== BEGIN) throw fault(`line ${i + 1}: expected ${BEGIN}`);
    if (signatures.length === MAX_SIGNATURES) throw fault(`are more than ${MAX_SIGNATURES}`);
    const end = lines.indexOf(END, i);
    if (end < 0) throw fault('are cut off');
    signatures.push(parseSignature(decode(lines.slice(i + 1, end), i + 2)));
    i = end;
  }
  if (signatures.length === 0) throw fault('are none: the file is empty');
  return signatures;
}

/** One signature in its armor, as ssh-keygen writes it. */
export function formatSignature({publicKey, namespace, reserved, hash, signature}: Signature): string {
  const version = Buffer.from([0, 0, 0, VERSION]);
  const fields = [publicKey, namespace, reserved, hash, signature].map(wireString);
  const text = Buffer.concat([MAGIC, version, ...fields]).toString('base64');
  const lines = text.match(new RegExp(`.{1,${LINE_CHARACTERS}}`, 'g'))!;
  return `${[BEGIN, ...lines, END].join('\n')}\n`;
}

/** What the key signs. */
export function signedBytes(
  {namespace, reserved, hash}: Pick<Signature, 'namespace' | 'reserved' | 'hash'>,
  digests: Digests,
): Uint8Array {
  return Buffer.concat([MAGIC, ...[namespace, reserved, hash, digests[hash]].map(wireString)]);
}

function decode(lines: readonly string[], first: number): Uint8Array {
  const bad = lines.findIndex((line) => !/^[A-Za-z0-9+/]+={0,2}$/.test(line));
  if (bad >= 0) throw fault(`line ${first + bad}: expected base64`);
  const text = lines.join('');
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') === text) return bytes;
  throw fault(`line ${first}: expected base64 (RFC 4648 section 4) with padding`);
}

function parseSignature(blob: Uint8Array): Signature {
  const reader = new WireReader(blob, 'a signature');
  if (!MAGIC.equals(reader.take(MAGIC.length))) throw reader.fault('is none of ssh-keygen -Y sign');
  if (reader.uint32() !== VERSION) throw reader.fault('is of another version than 1');
  const publicKey = new Uint8Array(reader.string());
  const namespace = reader.text();
  const reserved = new Uint8Array(reader.string());
  const hash = reader.text();
  const signature = new Uint8Array(reader.string());
  reader.end();
  if (hash === 'sha256' || hash === 'sha512') return {publicKey, namespace, reserved, hash, signature};
  throw reader.fault('is of a hash other than SHA-256 and SHA-512');
}

function fault(text: string): DekError<'BAD_INPUT'> {
  return new DekError('BAD_INPUT', `signatures: ${text}`, {
    hint: 'dek manifest sign writes them, and ssh-keygen -Y sign',
  });
}

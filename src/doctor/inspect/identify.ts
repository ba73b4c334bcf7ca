/**
 * What a file is, by its content, and nothing of what is secret in it: raw bytes are told by their length alone. Each
 * kind is asked for in turn, the ones with a mark of their own first.
 */
import {counted, equalBytes, secretBytes, toHex, wipe} from '../../bytes.js';
import {decodeDigits, isWhiteSpace} from '../../custody/digits.js';
import {DekError} from '../../errors.js';
import {caamFileText} from '../../seal/caam-file.js';
import {dateText, FIXED_BYTES, headerLength, parseHeader} from '../../seal/header.js';
import {readC} from '../formats/numbers.js';
import {readPyverbs} from '../formats/pyverbs.js';

/** A file, as far as it is known by its content. */
export interface Identified {
  /** A word for programs. */
  readonly kind: 'envelope' | 'caam' | 'ssh-signature' | 'pyverbs' | 'c' | 'perftest' | 'bytes' | 'unknown';
  /** What it is, in words, and what else it may be. */
  readonly is: readonly string[];
  /** Wrapped values in it, by name: for whoever has the KEK. */
  readonly wrapped: readonly {readonly name: string; readonly bytes: Uint8Array}[];
  /** Whether it may be a secret in plaintext. */
  readonly maybeSecret: boolean;
}

/** What each length may be. 40 and 48 stand for several: the file does not tell. */
const LENGTHS: Readonly<Record<number, readonly string[]>> = {
  16: ['an import KEK of 128 bits'],
  32: ['an import KEK of 256 bits', 'a 128-bit DEK without keytag in plaintext'],
  40: ['a wrapped 128-bit DEK without keytag', 'a 128-bit DEK with keytag in plaintext', 'a credential in plaintext'],
  48: ['a wrapped credential', 'a wrapped 128-bit DEK with keytag'],
  64: ['a 256-bit DEK without keytag in plaintext'],
  72: ['a wrapped 256-bit DEK without keytag', 'a 256-bit DEK with keytag in plaintext'],
  80: ['a wrapped 256-bit DEK with keytag'],
};
/** Those that may be ciphertext, and those that are nothing else. */
const WRAPPED: ReadonlySet<number> = new Set([40, 48, 72, 80]);
const ONLY_WRAPPED: ReadonlySet<number> = new Set([48, 80]);

const SSH_SIGNATURE = '-----BEGIN SSH SIGNATURE-----';

/**
 * What `content` is, the beginning of a file of `size` bytes. Does not throw what is wrong with it: that is what it
 * says. What may be a key, or many in raw bytes, hex or base64, is never made a string, which could not be wiped. The
 * caller wipes `wrapped`.
 */
export function identify(content: Uint8Array, size = content.length): Identified {
  const bytes = decoded(content);
  const key = ofLength(bytes.bytes, bytes.encoding, isPerftest(content));
  if (key === undefined || key.wrapped.length === 0) wipe(bytes.bytes);
  if (key !== undefined) return key;
  const text = bytes.encoding === 'raw' && isText(content) ? new TextDecoder('latin1').decode(content) : '';
  for (const attempt of [envelope, caam, signature, pyverbs, arrays]) {
    const found = attempt(content, text);
    if (found !== undefined) return found;
  }
  return streamOf(size > content.length ? size : bytes.bytes.length, bytes.encoding);
}

/** The first line of a manifest or a release begins so. */
const MANIFEST = new TextEncoder().encode('{"dek-');

/** Whether it is a manifest or a release: what is one is read as a stream. Makes no string of what may be a key. */
export function isManifest(head: Uint8Array): boolean {
  const start = head.findIndex((byte) => !isWhiteSpace(byte));
  return start >= 0 && equalBytes(head.subarray(start, start + MANIFEST.length), MANIFEST);
}

type Encoding = 'raw' | 'hex' | 'base64';
type Attempt = (content: Uint8Array, text: string) => Identified | undefined;

const envelope: Attempt = (content) => {
  try {
    const bytes = headerLength(content.subarray(0, FIXED_BYTES), 'it');
    const {name, notAfter, keyKcv} = parseHeader(content.slice(0, bytes), 'it');
    const end = notAfter === 0 ? '' : `, not after ${dateText(notAfter)}`;
    return plain('envelope', `an envelope of dek seal under the name ${JSON.stringify(name)}${end}`, [
      `sealed by the key with KCV ${toHex(keyKcv)}; what it says is to be trusted once dek unseal has opened it`,
    ]);
  } catch {
    return undefined;
  }
};

const caam: Attempt = (content) => {
  const text = caamFileText(content);
  return text === undefined ? undefined : plain('caam', text);
};

const signature: Attempt = (_content, text) =>
  text.startsWith(SSH_SIGNATURE)
    ? plain('ssh-signature', `${counted(text.split(SSH_SIGNATURE).length - 1, 'signature')} by SSH keys (SSHSIG)`)
    : undefined;

const pyverbs: Attempt = (_content, text) =>
  /^\s*\[\s*\{/.test(text)
    ? attempted(() => {
        const {credential, deks} = readPyverbs(text);
        const wrapped = [...(credential ? [{name: 'credential', bytes: credential}] : []), ...deks.map(named)];
        const isPlain = /"plaintext_key"|"plaintext_256_bits_key"/.test(text);
        const has = isPlain ? ['it has plaintext keys'] : [];
        const is = ['keys for the tests of pyverbs (MLX5_CRYPTO_TEST_INFO)', ...has];
        return {kind: 'pyverbs', is, wrapped, maybeSecret: isPlain};
      })
    : undefined;

const arrays: Attempt = (_content, text) =>
  /\{[^{}]*0x/.test(text)
    ? attempted(() => {
        const {credential, deks} = readC(text, {isCredential: false, name: 'array'});
        const wrapped = [...(credential ? [{name: 'credential', bytes: credential}] : []), ...deks.map(named)];
        return {kind: 'c', is: [`${wrapped.length} arrays of bytes in C`], wrapped, maybeSecret: true};
      })
    : undefined;

/** Whether it has no control bytes but those of lines, tabs and pages: keys in raw bytes have others. */
function isText(content: Uint8Array): boolean {
  return content.every((byte) => byte >= 0x20 || (byte >= 0x09 && byte <= 0x0d));
}

/** The bytes that it stands for, in a buffer of their own. */
function decoded(content: Uint8Array): {bytes: Uint8Array; encoding: Encoding} {
  for (const encoding of ['hex', 'base64'] as const) {
    const length = decodeDigits(content, encoding);
    if (length === undefined || Number.isNaN(length)) continue;
    const bytes = secretBytes(length);
    decodeDigits(content, encoding, bytes);
    return {bytes, encoding};
  }
  const bytes = secretBytes(content.length);
  bytes.set(content);
  return {bytes, encoding: 'raw'};
}

/** Whether it is a number a line, each with 0x. */
function isPerftest(content: Uint8Array): boolean {
  return content[0] === 0x30 && content[1] === 0x78 && content.indexOf(0x0a) === 4;
}

/** A key by its length, however it is written; undefined for other lengths. */
function ofLength(bytes: Uint8Array, encoding: Encoding, isList: boolean): Identified | undefined {
  const candidates = LENGTHS[bytes.length];
  if (candidates === undefined) return undefined;
  const how = isList ? ', a number a line as perftest has it' : encoding === 'raw' ? '' : ` in ${encoding}`;
  const isWcs = encoding === 'hex' && !isList && bytes.length === 48;
  return {
    kind: isList ? 'perftest' : 'bytes',
    is: [
      ...candidates.map((text) => `${text}${how}, by its length alone`),
      ...(isWcs ? ['a wcs_file of DPDK: a wrapped credential in hex'] : []),
    ],
    wrapped: WRAPPED.has(bytes.length) ? [{name: 'it', bytes}] : [],
    maybeSecret: !ONLY_WRAPPED.has(bytes.length),
  };
}

/** More than one key, or nothing that is known. */
function streamOf(length: number, encoding: Encoding): Identified {
  const fits = [...WRAPPED].filter((bytes) => length > bytes && length % bytes === 0);
  if (fits.length > 0 && encoding === 'raw') {
    const is = fits.map((bytes) => `a raw stream of ${length / bytes} values of ${bytes} bytes, if it is one`);
    return {kind: 'bytes', is, wrapped: [], maybeSecret: true};
  }
  return {kind: 'unknown', is: [`nothing that dek knows: ${length} bytes`], wrapped: [], maybeSecret: length > 0};
}

const named = ({name, wrapped}: {name: string; wrapped: Uint8Array}) => ({name, bytes: wrapped});

function plain(kind: Identified['kind'], first: string, more: readonly string[] = []): Identified {
  return {kind, is: [first, ...more], wrapped: [], maybeSecret: false};
}

function attempted(attempt: () => Identified): Identified | undefined {
  try {
    return attempt();
  } catch (error) {
    if (error instanceof DekError) return undefined;
    throw error;
  }
}

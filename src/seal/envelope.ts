/** Envelopes, dek-envelope(5): generic data, sealed at rest under a name. */
import {randomFillSync} from 'node:crypto';
import {equalBytes, hideKey, secretBytes, toHex, wipe} from '../bytes.js';
import {fill} from '../custody/key-stream.js';
import type {ReadOn} from '../custody/source.js';
import {DekError} from '../errors.js';
import {unwrapKey, wrapKey} from '../wrap/kw.js';
import {caamFileText} from './caam-file.js';
import {type OnBytes, openChunks, sealChunks} from './chunks.js';
import {
  BLOB_KEY_BYTES,
  dateText,
  type EnvelopeHeader,
  FIXED_BYTES,
  formatLabel,
  headerLength,
  parseHeader,
  tornHeader,
} from './header.js';
import {nameKey, type SealingKey} from './name-key.js';

/** What is sealed in besides the data. */
export interface SealOptions {
  name: string;
  /** Seconds since 1970; 0: it never expires. */
  notAfter: number;
  /** Called with how many bytes of data are done. */
  onBytes?: OnBytes;
  /** 32 bytes, for known answers; else random. */
  blobKey?: Uint8Array;
}

/** Yields the envelope of what `read` gives. Throws BAD_ARGUMENT for a name that is none; IO. */
export async function* seal(
  read: ReadOn,
  key: SealingKey,
  {onBytes, blobKey = randomFillSync(secretBytes(BLOB_KEY_BYTES)), ...options}: SealOptions,
): AsyncGenerator<Uint8Array, void> {
  try {
    const label = formatLabel({...options, keyKcv: key.kcv});
    const wrapping = await nameKey(key, label);
    try {
      yield label;
      yield wrapKey(wrapping, blobKey);
    } finally {
      wipe(wrapping);
    }
    yield* sealChunks(blobKey, read, onBytes);
  } finally {
    wipe(blobKey);
  }
}

/** What an envelope has to be called, what time it is, and how messages call the file. */
export interface UnsealOptions {
  name: string;
  /** Milliseconds since 1970. */
  now: number;
  title: string;
  onBytes?: OnBytes;
}

/**
 * Reads the header of the envelope that `read` gives, and unwraps its blob key. Throws BAD_INPUT when it is no
 * envelope; WRONG_NAME, EXPIRED; UNWRAP_FAILED for another sealing key, or a header that was altered.
 */
export async function openEnvelope(
  read: ReadOn,
  key: SealingKey,
  {name, now, title, onBytes}: UnsealOptions,
): Promise<{header: EnvelopeHeader; data: AsyncGenerator<Uint8Array, void>}> {
  const header = await readHeader(read, title);
  if (!equalBytes(header.keyKcv, key.kcv)) {
    const [theirs, ours] = [toHex(header.keyKcv), toHex(key.kcv)];
    throw new DekError('UNWRAP_FAILED', `${title} was sealed with the key with KCV ${theirs}, not with ${ours}`, {
      hint: 'name the key with --with-key; without it, the sealing key of this host is used',
    });
  }
  if (header.name !== name) {
    throw new DekError('WRONG_NAME', `${title} was sealed as "${hideKey(header.name)}", not as "${hideKey(name)}"`);
  }
  const blobKey = await blobKeyOf(header, key, title);
  if (header.notAfter !== 0 && now > header.notAfter * 1000) {
    wipe(blobKey);
    throw new DekError('EXPIRED', `${title} expired on ${dateText(header.notAfter)}`, {
      hint: "is this machine's clock right? else seal it again, from the original",
    });
  }
  return {header, data: dataOf(read, blobKey, title, onBytes)};
}

async function* dataOf(
  read: ReadOn,
  blobKey: Uint8Array,
  title: string,
  onBytes: OnBytes | undefined,
): AsyncGenerator<Uint8Array, void> {
  try {
    yield* openChunks(blobKey, read, title, onBytes);
  } finally {
    wipe(blobKey);
  }
}

async function blobKeyOf(
  {labelBytes, wrappedKey}: EnvelopeHeader,
  key: SealingKey,
  title: string,
): Promise<Uint8Array> {
  const wrapping = await nameKey(key, labelBytes);
  try {
    return unwrapKey(wrapping, wrappedKey);
  } catch (cause) {
    throw new DekError('UNWRAP_FAILED', `the header of ${title} was altered`, {
      hint: 'its name, its date or its key is not what was sealed: use another copy of the file',
      cause,
    });
  } finally {
    wipe(wrapping);
  }
}

async function readHeader(read: ReadOn, title: string): Promise<EnvelopeHeader> {
  const fixed = new Uint8Array(FIXED_BYTES);
  const length = await fill(fixed, read);
  const caam = caamFileText(fixed.subarray(0, length));
  if (caam !== undefined) {
    throw new DekError('BAD_INPUT', `${title} is ${caam}`, {
      hint: 'only the CAAM that made it opens it: docs/sealed.md has recipes for the board',
    });
  }
  const bytes = new Uint8Array(headerLength(fixed.subarray(0, length), title));
  bytes.set(fixed);
  const rest = bytes.subarray(FIXED_BYTES);
  if ((await fill(rest, read)) < rest.length) throw tornHeader(title);
  return parseHeader(bytes, title);
}

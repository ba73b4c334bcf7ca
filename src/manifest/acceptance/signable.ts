/** What can be signed: a manifest or a release, told apart by the first line and read whole, over one descriptor. */
import {DekError} from '../../errors.js';
import {parseObject} from '../fields/json-object.js';
import type {ByteSource} from '../lines.js';
import {MAX_RELEASE_BYTES, parseRelease, RELEASE_MEMBER, type Release} from '../release/release.js';
import {type Digests, digestsOf} from '../signature/digests.js';
import {type Offered, readOffered} from './offer.js';

/** Either of them, without a fault. */
export type Signable =
  | {readonly kind: 'manifest'; readonly offered: Offered; readonly digests: Digests}
  | {readonly kind: 'release'; readonly release: Release; readonly bytes: Uint8Array; readonly digests: Digests};

/** Longer than the first line of a release is. */
const HEAD_BYTES = 4096;

/** Reads all of it. Throws BAD_INPUT at the first fault, and what `source` throws. */
export async function readSignable(source: AsyncIterable<Uint8Array>): Promise<Signable> {
  const chunks = source[Symbol.asyncIterator]();
  try {
    const head = await headOf(chunks);
    if (!isRelease(head)) {
      const offered = await readOffered(joined(head, chunks));
      return {kind: 'manifest', offered, digests: offered.digests};
    }
    const bytes = await allOf(joined(head, chunks));
    return {kind: 'release', release: parseRelease(bytes), bytes, digests: digestsOf(bytes)};
  } finally {
    await chunks.return?.();
  }
}

/** The first bytes: a whole line, if it is not too long. */
async function headOf(chunks: AsyncIterator<Uint8Array>): Promise<Buffer> {
  let head = Buffer.alloc(0);
  while (head.length < HEAD_BYTES && !head.includes('\n')) {
    const {value, done} = await chunks.next();
    if (done) break;
    head = Buffer.concat([head, value]);
  }
  return head;
}

function isRelease(head: Buffer): boolean {
  const end = head.indexOf('\n');
  if (end < 0 || end > HEAD_BYTES) return false;
  try {
    return Object.hasOwn(parseObject(head.toString('latin1', 0, end), 1), RELEASE_MEMBER);
  } catch {
    return false; // whoever reads it as a manifest says what is wrong
  }
}

async function* joined(head: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  if (head.length > 0) yield head;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

async function allOf(source: ByteSource): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of source) {
    length += chunk.length;
    if (length > MAX_RELEASE_BYTES) {
      throw new DekError('BAD_INPUT', `the release has more than ${MAX_RELEASE_BYTES} bytes`);
    }
    chunks.push(chunk.slice());
  }
  return Buffer.concat(chunks);
}

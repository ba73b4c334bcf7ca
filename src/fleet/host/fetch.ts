/**
 * Brings a manifest from the store to a file: the pieces that the last good copy has are taken from there, each piece
 * and the whole are compared with their digests, and the file is there when all of it is right.
 */
import {createHash} from 'node:crypto';
import fs, {type FileHandle} from 'node:fs/promises';
import {DekError} from '../../errors.js';
import {writeWholeFile} from '../../files/whole-file.js';
import type {Store} from '../etcd/store.js';
import type {FleetKeys} from '../layout/keys.js';
import {piecesOf} from '../layout/pieces.js';
import type {Target} from '../layout/pointer.js';
import {BLOBS_AT_ONCE, piecesOfTarget, readBlob, readBlobs} from '../publish/blobs.js';

/** Writes the manifest of `target` to `path`. Throws BAD_INPUT when the store does not have what it says; IO. */
export async function fetchManifest(
  store: Store,
  keys: FleetKeys,
  target: Target,
  {path, local, signal}: {path: string; local: string | undefined; signal: AbortSignal},
): Promise<{fetched: number; bytes: number}> {
  const digests = await piecesOfTarget(store, keys, target, signal);
  const places = local === undefined ? new Map<string, Place>() : await placesIn(local);
  const file = places.size > 0 ? await fs.open(local!) : undefined;
  const counts = {fetched: 0, bytes: 0};
  const piecesFor = async (some: readonly string[]): Promise<Uint8Array[]> => {
    const missing = [...new Set(some.filter((digest) => !places.has(digest)))];
    const fetched = new Map<string, Uint8Array>();
    for (const [i, bytes] of (await readBlobs(store, keys, missing, signal)).entries()) {
      fetched.set(missing[i]!, bytes);
      counts.fetched++;
      counts.bytes += bytes.length;
    }
    return Promise.all(some.map(async (digest) => fetched.get(digest) ?? (await readAt(file!, places.get(digest)!))));
  };
  try {
    await writeWholeFile(path, checked(piecesInOrder(digests, piecesFor), target), {force: true});
  } finally {
    await file?.close();
  }
  return counts;
}

/** Writes a blob, such as a signature, to a file. */
export async function fetchBlob(
  store: Store,
  keys: FleetKeys,
  digest: string,
  {path, signal}: {path: string; signal: AbortSignal},
): Promise<void> {
  await writeWholeFile(path, [await readBlob(store, keys, digest, signal)], {force: true});
}

async function* piecesInOrder(
  digests: readonly string[],
  piecesFor: (digests: readonly string[]) => Promise<Uint8Array[]>,
): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < digests.length; at += BLOBS_AT_ONCE) {
    yield* await piecesFor(digests.slice(at, at + BLOBS_AT_ONCE));
  }
}

async function readAt(file: FileHandle, {at, length}: Place): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  await file.read(bytes, 0, length, at);
  return bytes;
}

async function* checked(pieces: AsyncIterable<Uint8Array>, target: Target): AsyncGenerator<Uint8Array, void> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const piece of pieces) {
    bytes += piece.length;
    if (bytes > target.bytes) break;
    hash.update(piece);
    yield piece;
  }
  if (bytes === target.bytes && hash.digest('hex') === target.digest) return;
  throw new DekError('BAD_INPUT', `the pieces of generation ${target.generation} are not what its pointer says`, {
    hint: 'the store was altered, or its pointer: publish again',
  });
}

interface Place {
  readonly at: number;
  readonly length: number;
}

/** Where each piece is in a file; none where it cannot be read. */
async function placesIn(path: string): Promise<Map<string, Place>> {
  const places = new Map<string, Place>();
  let at = 0;
  try {
    const file = await fs.open(path);
    for await (const {digest, bytes} of piecesOf(file.createReadStream())) {
      places.set(digest, {at, length: bytes.length});
      at += bytes.length;
    }
  } catch {
    return new Map();
  }
  return places;
}

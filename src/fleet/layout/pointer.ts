/**
 * What a host is to hold: a small JSON object, which a compare-and-swap moves from one generation to the next. The
 * manifest itself is in blobs, and this names them by their digests.
 */
import {isDekName} from '../../dek-name.js';
import {isHost, isInstant} from '../../manifest/fields/edition.js';
import {
  HEX_5_BYTES,
  HEX_16_BYTES,
  HEX_32_BYTES,
  type Json,
  jsonBytes,
  LINE,
  Members,
  malformed,
  parseJson,
} from './json.js';

/** A manifest in the store. All of it is public. */
export interface Target {
  /** Names the set of DEKs: 16 bytes in hex. */
  readonly id: string;
  readonly generation: number;
  /** SHA-256 of the manifest in hex. */
  readonly digest: string;
  /** Of the manifest. */
  readonly bytes: number;
  readonly deks: number;
  /** The blob that lists the blobs of the manifest. */
  readonly pieces: string;
  /** These blobs themselves where they are few, so that a host asks once and not twice; none where they are many. */
  readonly few: readonly string[];
  /** The blob that lists the blobs with its names and DCVs (names.ts). */
  readonly names: string;
  /** The key check value of the KEK that has wrapped it, and of the next one, whose login it has in store. */
  readonly kcv: string | null;
  readonly nextKcv: string | null;
  /** Blobs: the signature of the manifest; the release that lists it, and the signature of that. */
  readonly signature: string | null;
  readonly release: string | null;
  readonly releaseSignature: string | null;
}

export interface Pointer extends Target {
  readonly host: string;
  /** What a rollback brings: a later generation. */
  readonly fallback: Target | null;
  /** Names that may become other keys than the host has under them. */
  readonly replaceKeys: readonly string[];
  /** Who moved it, and when by that one's clock: for people. */
  readonly by: string;
  readonly at: string;
}

const KIND = 'dek-fleet-wanted';
/** A pointer stays small. */
const MOST_FEW = 8;

/** What of these blobs stands in a pointer. */
export function fewOf(digests: readonly string[]): readonly string[] {
  return digests.length <= MOST_FEW ? digests : [];
}

export function pointerBytes({host, fallback, replaceKeys, by, at, ...target}: Pointer): Uint8Array {
  return jsonBytes({[KIND]: 1, host, ...target, fallback, replaceKeys, by, at});
}

/** Throws BAD_INPUT unless it is one, of `host`. */
export function parsePointer(bytes: Uint8Array, host: string): Pointer {
  const what = `the pointer of ${host}`;
  const json = parseJson(bytes, KIND, what);
  const members = new Members(json, what);
  const fallback = members.object('fallback');
  if (!isHost(json['host']) || json['host'] !== host) throw malformed(what, 'is that of another host');
  if (!isInstant(json['at'])) throw malformed(what, 'has no good "at"');
  const replaceKeys = members.list('replaceKeys');
  if (!replaceKeys.every(isDekName)) throw malformed(what, 'has no good "replaceKeys"');
  return {
    host,
    ...targetOf(json, what),
    fallback: fallback && targetOf(fallback, what),
    replaceKeys,
    by: members.text('by', LINE),
    at: json['at'],
  };
}

/** Throws BAD_INPUT. */
export function targetOf(json: Json, what: string): Target {
  const members = new Members(json, what);
  const generation = members.count('generation');
  if (generation === 0) throw malformed(what, 'has no good "generation"');
  return {
    id: members.text('id', HEX_16_BYTES),
    generation,
    digest: members.text('digest', HEX_32_BYTES),
    bytes: members.count('bytes'),
    deks: members.count('deks'),
    pieces: members.text('pieces', HEX_32_BYTES),
    few: digestsIn(json['few'] ?? [], what),
    names: members.text('names', HEX_32_BYTES),
    kcv: members.orNull('kcv', HEX_5_BYTES),
    nextKcv: members.orNull('nextKcv', HEX_5_BYTES),
    signature: members.orNull('signature', HEX_32_BYTES),
    release: members.orNull('release', HEX_32_BYTES),
    releaseSignature: members.orNull('releaseSignature', HEX_32_BYTES),
  };
}

function digestsIn(value: unknown, what: string): readonly string[] {
  const isDigest = (one: unknown): one is string => typeof one === 'string' && HEX_32_BYTES.test(one);
  if (Array.isArray(value) && value.length <= MOST_FEW && value.every(isDigest)) return value;
  throw malformed(what, 'has no good "few"');
}

/** The blobs that it names. */
export function blobsOf(target: Target): string[] {
  const {pieces, names, signature, release, releaseSignature} = target;
  return [pieces, names, signature, release, releaseSignature].filter((digest) => digest !== null);
}

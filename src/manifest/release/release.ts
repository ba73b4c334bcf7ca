/**
 * A release: which manifests a fleet is to have, in one file, so that one signature is enough for all of them. JSON
 * Lines as in a manifest, a line a manifest:
 *
 *     {"dek-release":1,"issued":"2026-11-30T12:00:00Z"}
 *     {"id":"8f14e45fceea167a5a36dedd4bea2543","generation":3,"digest":"SHA-256 in hex","hosts":["node-1"]}
 *     {"id":"8f14e45fceea167a5a36dedd4bea2543","generation":2,"digest":"...","hosts":["node-1"],"fallback":true}
 *
 * `hosts` are those of the manifest; left out: any. Each set of DEKs (`id`) stands there once, and then its fallbacks,
 * if any: generations that a host may go back to.
 */
import {fromHex, toHex} from '../../bytes.js';
import {DekError} from '../../errors.js';
import {fault} from '../fault.js';
import {isHost, isInstant, isManifestId, now} from '../fields/edition.js';
import {assertCanonical, type JsonObject, member, parseObject, shown} from '../fields/json-object.js';

/** The member that only the first line of a release has: its value is the version of the format. */
export const RELEASE_MEMBER = 'dek-release';
/** The most bytes of a release: some 150,000 manifests. */
export const MAX_RELEASE_BYTES = 2 ** 25;

/** A manifest that hosts may have. */
export interface ReleasedManifest {
  /** 16 bytes, which set of DEKs it is. */
  readonly id: Uint8Array;
  readonly generation: number;
  /** SHA-256 of the file. */
  readonly digest: Uint8Array;
  /** The hosts that it is for; empty: any. */
  readonly hosts: readonly string[];
  /** It is the way back from a later generation. */
  readonly fallback: boolean;
}

/** All that a fleet is to have. */
export interface Release {
  /** When it was written, RFC 3339. */
  readonly issued: string;
  readonly manifests: readonly ReleasedManifest[];
}

const HEADER_MEMBERS = new Set([RELEASE_MEMBER, 'issued']);
const MEMBERS = new Set(['id', 'generation', 'digest', 'hosts', 'fallback']);
/** A header of a manifest has fewer, and its hosts are in it. */
const MAX_LINE_BYTES = 8192;

/** A release of now. */
export function newRelease(manifests: readonly ReleasedManifest[]): Release {
  return {issued: now(), manifests};
}

/** The bytes of the file. They are checked by reading them again. Throws BAD_INPUT. */
export function formatRelease({issued, manifests}: Release): Uint8Array {
  const lines: unknown[] = [{[RELEASE_MEMBER]: 1, issued}];
  for (const {id, generation, digest, hosts, fallback} of manifests) {
    const where = hosts.length === 0 ? {} : {hosts};
    lines.push({id: toHex(id), generation, digest: toHex(digest), ...where, ...(fallback ? {fallback} : {})});
  }
  const file = new Uint8Array(Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join(''), 'latin1'));
  parseRelease(file);
  return file;
}

/** What a release says. Throws BAD_INPUT, with the line at fault. */
export function parseRelease(file: Uint8Array): Release {
  if (file.length > MAX_RELEASE_BYTES) {
    throw new DekError('BAD_INPUT', `the release has more than ${MAX_RELEASE_BYTES} bytes`);
  }
  const text = Buffer.from(file.buffer, file.byteOffset, file.length).toString('latin1');
  let issued = '';
  const manifests: ReleasedManifest[] = [];
  for (let [at, number] = [0, 1]; at < text.length; number++) {
    const end = text.indexOf('\n', at);
    if (end < 0) throw fault(number, null, 'ends without a line feed', 'the file was cut off: get a whole copy of it');
    if (end - at > MAX_LINE_BYTES) throw fault(number, null, `is longer than ${MAX_LINE_BYTES} bytes`);
    const line = text.slice(at, end);
    if (number === 1) issued = parseHeader(line);
    else manifests.push(parseManifest(line, number));
    at = end + 1;
  }
  if (manifests.length === 0) throw new DekError('BAD_INPUT', 'the release lists no manifest');
  assertConsistent(manifests);
  return {issued, manifests};
}

function parseHeader(line: string): string {
  const value = parseObject(line, 1);
  const version = member(value, RELEASE_MEMBER, 1);
  if (version !== 1) {
    const hint = 'another version of dek wrote it';
    throw fault(1, RELEASE_MEMBER, `expected 1, the version of the format, got ${shown(version)}`, hint);
  }
  const issued = member(value, 'issued', 1);
  if (!isInstant(issued)) throw fault(1, 'issued', 'expected an instant as RFC 3339 writes it');
  assertCanonical(value, line, 1, HEADER_MEMBERS);
  return issued;
}

function parseManifest(text: string, line: number): ReleasedManifest {
  const value = parseObject(text, line);
  const [id, digest] = [member(value, 'id', line), member(value, 'digest', line)];
  if (!isManifestId(id)) throw fault(line, 'id', 'expected 32 hex digits in lower case');
  const generation = member(value, 'generation', line);
  if (!Number.isSafeInteger(generation) || (generation as number) < 1) {
    throw fault(line, 'generation', `expected an integer from 1 on, got ${shown(generation)}`);
  }
  if (typeof digest !== 'string' || !/^[0-9a-f]{64}$/.test(digest)) {
    throw fault(line, 'digest', 'expected 64 hex digits in lower case');
  }
  const {fallback = false} = value;
  if (fallback !== false && fallback !== true) throw fault(line, 'fallback', `expected true, got ${shown(fallback)}`);
  const hosts = parseHosts(value, line);
  assertCanonical(value, text, line, MEMBERS);
  return {id: fromHex(id, 'id'), generation: generation as number, digest: fromHex(digest, 'digest'), hosts, fallback};
}

function parseHosts({hosts = []}: JsonObject, line: number): string[] {
  if (Array.isArray(hosts) && hosts.every(isHost) && new Set(hosts).size === hosts.length) return hosts;
  throw fault(line, 'hosts', 'expected an array of names of hosts, each once');
}

/** Throws BAD_INPUT unless each set of DEKs is there once, and only earlier generations of it as the way back. */
function assertConsistent(manifests: readonly ReleasedManifest[]): void {
  const mains = new Map<string, number>();
  for (const [i, {id, generation, fallback}] of manifests.entries()) {
    if (fallback) continue;
    if (mains.has(toHex(id))) throw fault(i + 2, 'id', 'is that of a manifest in an earlier line');
    mains.set(toHex(id), generation);
  }
  for (const [i, {id, generation, fallback}] of manifests.entries()) {
    const main = mains.get(toHex(id));
    if (!fallback || (main !== undefined && generation < main)) continue;
    throw fault(i + 2, 'fallback', 'is no earlier generation of a manifest of this release');
  }
}

/**
 * Publishes a manifest to hosts: all that is wrong with it is found first, then its pieces are written, and last the
 * pointers move. One who is ended in the middle leaves hosts as they were, or moved; never half of a manifest.
 */
import {DekError} from '../errors.js';
import {BlobWriter} from './blobs.js';
import {collectGarbage, forgetOld} from './collect.js';
import type {Store} from './etcd/store.js';
import {type FleetHost, readHosts} from './hosts.js';
import type {FleetKeys} from './keys.js';
import {readUpload, type Upload} from './manifest-upload.js';
import {type Move, moveHosts} from './move.js';
import {Tables, unprovenHeirs} from './moves.js';
import {Operator} from './operator.js';
import type {Pointer} from './pointer.js';
import {Register} from './register.js';

export interface PublishRequest {
  /** The path of a manifest. */
  readonly manifest: string;
  /** The path of what a rollback brings. */
  readonly fallback?: string | undefined;
  /** Names; undefined: all that the store knows. */
  readonly hosts: readonly string[] | undefined;
  /** How many earlier generations of a host are kept. */
  readonly keep: number;
  readonly replaceKeys: readonly string[];
  /** Another set of DEKs may take the place of the one that a host has. */
  readonly replaceSet: boolean;
  /** A host may lose DEKs that another has got and not proven. */
  readonly letGo: boolean;
  readonly onProgress?: (what: string, done: number, total: number) => void;
}

/** A host that keeps what it has, and why. */
export interface LeftOut {
  readonly host: string;
  readonly why: string;
}

export interface Published {
  readonly id: string;
  readonly generation: number;
  readonly digest: string;
  readonly deks: number;
  /** DEKs without a DCV: nobody can tell whether their names stand for one key in the fleet. */
  readonly untold: number;
  /** Hosts whose pointer moved. */
  readonly hosts: readonly string[];
  /** Hosts that were to hold it already. */
  readonly unchanged: readonly string[];
  readonly leftOut: readonly LeftOut[];
  /** Blobs and bytes that were new to the store. */
  readonly blobs: number;
  readonly bytes: number;
  /** Earlier generations that were forgotten, and blobs that nothing needed any more. */
  readonly forgotten: number;
  readonly removed: number;
}

/** Throws BUSY, WRONG_KEY, BAD_ARGUMENT, BAD_INPUT, NO_INPUT, PERMISSION, IO. */
export async function publish(store: Store, keys: FleetKeys, request: PublishRequest): Promise<Published> {
  const upload = await readUpload(request.manifest);
  const fallback = request.fallback === undefined ? undefined : await readUpload(request.fallback);
  if (fallback) assertFallback(upload, fallback, request);
  return Operator.while(store, keys, 'a publication', async (operator) => {
    const known = await readHosts(store, keys);
    const {moves, unchanged, leftOut} = await movesFor(store, keys, known, upload, request, (from) => ({
      ...upload.target,
      host: from.host,
      fallback: fallback?.target ?? null,
      replaceKeys: request.replaceKeys,
      by: operator.by,
      at: new Date().toISOString(),
    }));
    const register = new Register(store, keys, operator);
    await register.take(upload, request.manifest, request.replaceKeys);
    if (fallback) await register.take(fallback, request.fallback!, request.replaceKeys);
    const {untold} = register;
    const writer = new BlobWriter(store, keys, operator);
    const pieces = [...upload.pieces, ...(fallback?.pieces ?? [])];
    for (const [i, piece] of pieces.entries()) {
      await writer.add(piece);
      request.onProgress?.('written', i + 1, pieces.length);
    }
    await writer.flush();
    await register.write();
    await moveHosts(store, keys, operator, moves, (done) => request.onProgress?.('moved', done, moves.length));
    const hosts = moves.map(({from}) => from.host);
    const forgotten = await forgetOld(store, keys, operator, hosts, request.keep);
    const removed = forgotten === 0 ? 0 : await collectGarbage(store, keys, operator);
    const {id, generation, digest, deks} = upload.target;
    const {written: blobs, bytes} = writer;
    return {id, generation, digest, deks, untold, hosts, unchanged, leftOut, blobs, bytes, forgotten, removed};
  });
}

async function movesFor(
  store: Store,
  keys: FleetKeys,
  known: ReadonlyMap<string, FleetHost>,
  upload: Upload,
  request: PublishRequest,
  pointerFor: (from: FleetHost) => Pointer,
): Promise<{moves: Move[]; unchanged: string[]; leftOut: LeftOut[]}> {
  const names = [...new Set(request.hosts ?? known.keys())];
  assertMeant(upload, names);
  if (names.length === 0) throw new DekError('NO_INPUT', 'the fleet has no host yet', {hint: 'name them: --host NAME'});
  const [moves, unchanged, leftOut]: [Move[], string[], LeftOut[]] = [[], [], []];
  const tables = new Tables(store, keys);
  for (const host of names) {
    const from = known.get(host) ?? {host, pointer: null, modRevision: 0, report: null, fault: null};
    if (from.pointer?.digest === upload.target.digest) {
      unchanged.push(host);
      continue;
    }
    assertFollows(from, upload, request);
    const why = whyNotYet(from, upload) ?? (await whyNotLet(tables, known, from, upload, request.letGo));
    if (why === undefined) moves.push({from, to: pointerFor(from)});
    else leftOut.push({host, why});
  }
  return {moves, unchanged, leftOut};
}

/** Throws BAD_ARGUMENT when the manifest names hosts, and one of these is not among them. */
function assertMeant({edition}: Upload, hosts: readonly string[]): void {
  if (edition.hosts.length === 0) return;
  const stranger = hosts.find((host) => !edition.hosts.includes(host));
  if (stranger === undefined) return;
  throw new DekError('BAD_ARGUMENT', `the manifest is not for ${stranger}, by its "hosts"`, {
    hint: 'name hosts that it is for, or publish one that is for this host',
  });
}

/** Throws BAD_ARGUMENT when the host is to hold another set, or a later generation of this one. */
function assertFollows({host, pointer}: FleetHost, {target}: Upload, {replaceSet}: PublishRequest): void {
  if (!pointer) return;
  if (pointer.id !== target.id) {
    if (replaceSet) return;
    throw new DekError('BAD_ARGUMENT', `${host} has another set of DEKs: the manifest's id is another`, {
      hint: 'if that is meant: --replace-set',
    });
  }
  if (target.generation > pointer.generation) return;
  throw new DekError(
    'BAD_ARGUMENT',
    `${host} is to hold generation ${pointer.generation} already, and this is ${target.generation}`,
    {hint: 'a fleet goes forward only: each command that writes a manifest gives it the next generation'},
  );
}

function assertFallback(upload: Upload, fallback: Upload, {fallback: path}: PublishRequest): void {
  const {id, generation} = fallback.target;
  if (id === upload.target.id && generation > upload.target.generation) return;
  throw new DekError('BAD_ARGUMENT', `${path} is no later generation of the same set, which a fallback has to be`, {
    hint: 'a rollback brings a new generation with the DEKs of before, never an old one',
  });
}

/** Under another KEK than its own a host is moved when its NICs have taken the login of that one. */
export function whyNotYet({pointer, report}: FleetHost, {target}: Pick<Upload, 'target'>): string | undefined {
  const {kcv} = target;
  if (!pointer?.kcv || kcv === null || pointer.kcv === kcv || report?.kcv === kcv) return undefined;
  if (!report) return `it is down: nobody knows whether its NICs have the KEK ${kcv}`;
  const {nextLogin} = report;
  if (!nextLogin || nextLogin.kcv !== kcv) return `it holds no generation with a next login for the KEK ${kcv}`;
  return nextLogin.valid ? undefined : `its NICs do not take the login of the KEK ${kcv}: ${nextLogin.why ?? 'untold'}`;
}

async function whyNotLet(
  tables: Tables,
  known: ReadonlyMap<string, FleetHost>,
  from: FleetHost,
  {table}: Upload,
  letGo: boolean,
): Promise<string | undefined> {
  if (letGo) return undefined;
  const [heir, ...more] = await unprovenHeirs(tables, known, from, table);
  if (heir === undefined) return undefined;
  const others = more.length === 0 ? '' : ` and ${more.length} more`;
  return `it would lose DEKs that ${heir}${others} has got and not proven yet`;
}

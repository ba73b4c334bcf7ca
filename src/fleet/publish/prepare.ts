/**
 * Brings all that a publication takes into the store, but moves no host: what is wrong with any of it is found before
 * the first byte is written. Manifests are read twice, so that not all of a large release is in memory.
 */
import {DekError} from '../../errors.js';
import type {Store} from '../etcd/store.js';
import type {FleetKeys} from '../layout/keys.js';
import type {Target} from '../layout/pointer.js';
import {type FleetHost, hostOf} from '../status/hosts.js';
import {BlobWriter} from './blobs.js';
import type {Upload} from './manifest-upload.js';
import type {Operator} from './operator.js';
import {type Parcel, type Parcels, readParcel, readParcels} from './parcels.js';
import {Register} from './register.js';

export interface PublishRequest {
  /** The path of a manifest or a release. */
  readonly path: string;
  /** The path of what a rollback brings: a manifest, or a release where `path` is one. */
  readonly fallback: string | undefined;
  /** Where the manifests of a release lie; undefined: beside it. */
  readonly folder: string | undefined;
  /** Names; undefined: all, of the release or that the store knows. */
  readonly hosts: readonly string[] | undefined;
  readonly replaceKeys: readonly string[];
  /** Another set of DEKs may take the place of the one that a host has. */
  readonly replaceSet: boolean;
  readonly onProgress: (what: string, done: number, total: number) => void;
}

/** What a host is to get. */
export interface Delivery {
  readonly host: string;
  readonly target: Target;
  readonly fallback: Target | null;
}

export interface Prepared {
  readonly deliveries: readonly Delivery[];
  /** Hosts that are to hold it already. */
  readonly unchanged: readonly string[];
  /** DEKs without a DCV: nobody can tell whether their names stand for one key in the fleet. */
  readonly untold: number;
  /** Blobs and bytes that were new to the store. */
  readonly blobs: number;
  readonly bytes: number;
  readonly name: string;
}

/** Throws BAD_ARGUMENT, BAD_INPUT, NO_INPUT, WRONG_KEY; BUSY, IO from the store. */
export async function prepare(
  store: Store,
  keys: FleetKeys,
  operator: Operator,
  known: ReadonlyMap<string, FleetHost>,
  request: PublishRequest,
): Promise<Prepared> {
  const main = await readParcels(request.path, request.folder);
  const back = request.fallback === undefined ? undefined : await readParcels(request.fallback, request.folder);
  const register = new Register(store, keys, operator);
  const targets = new Map<Parcel, Target>();
  for (const parcel of [...main.parcels, ...(back?.parcels ?? [])]) {
    const upload = await readParcel(parcel);
    await register.take(upload, parcel.path, request.replaceKeys);
    assertMeant(upload, parcel, request.hosts);
    targets.set(parcel, upload.target);
  }
  const [deliveries, unchanged]: [Delivery[], string[]] = [[], []];
  for (const [host, parcel] of addressed(main, known, request.hosts)) {
    const target = targets.get(parcel)!;
    const fallback = back ? fallbackFor(target, back, targets, request.fallback!) : null;
    const {pointer} = hostOf(known, host);
    if (pointer?.digest === target.digest) unchanged.push(host);
    else {
      assertFollows(hostOf(known, host), target, request);
      deliveries.push({host, target, fallback});
    }
  }
  const writer = new BlobWriter(store, keys, operator);
  for (const piece of [...main.pieces, ...(back?.pieces ?? [])]) await writer.add(piece);
  let done = 0;
  for (const [parcel, {digest}] of targets) {
    for (const piece of (await readParcel({...parcel, digest})).pieces) await writer.add(piece);
    request.onProgress('written', ++done, targets.size);
  }
  await writer.flush();
  await register.write();
  const {untold} = register;
  return {deliveries, unchanged, untold, blobs: writer.written, bytes: writer.bytes, name: main.name};
}

/** Which host gets which manifest. Throws BAD_ARGUMENT when one is named twice, NO_INPUT when there is none. */
function addressed(
  {parcels}: Parcels,
  known: ReadonlyMap<string, FleetHost>,
  wanted: readonly string[] | undefined,
): Map<string, Parcel> {
  const chosen = wanted && new Set(wanted);
  const all = new Map<string, Parcel>();
  for (const parcel of parcels) {
    for (const host of parcel.hosts ?? wanted ?? known.keys()) {
      if (chosen && !chosen.has(host)) continue;
      if (all.has(host)) {
        throw new DekError('BAD_ARGUMENT', `the release has two manifests for ${host}, which holds one`, {
          hint: 'name the hosts of each manifest: dek manifest set --host NAME',
        });
      }
      all.set(host, parcel);
    }
  }
  const left = wanted?.find((host) => !all.has(host));
  if (left !== undefined) throw new DekError('BAD_ARGUMENT', `the release has no manifest for ${left}`);
  if (all.size > 0) return all;
  throw new DekError('NO_INPUT', 'the fleet has no host yet', {hint: 'name them: --host NAME or --hosts FILE'});
}

/** Throws BAD_ARGUMENT when the manifest names hosts, and one of these is not among them. */
function assertMeant({edition}: Upload, parcel: Parcel, wanted: readonly string[] = []): void {
  if (edition.hosts.length === 0) return;
  const stranger = (parcel.hosts ?? wanted).find((host) => !edition.hosts.includes(host));
  if (stranger === undefined) return;
  throw new DekError('BAD_ARGUMENT', `${parcel.path} is not for ${stranger}, by its "hosts"`, {
    hint: 'name hosts that it is for, or publish one that is for this host',
  });
}

/** Throws BAD_ARGUMENT when the host is to hold another set, or a later generation of this one. */
function assertFollows({host, pointer}: FleetHost, target: Target, {replaceSet}: PublishRequest): void {
  if (!pointer) return;
  if (pointer.id !== target.id) {
    if (replaceSet) return;
    throw new DekError('BAD_ARGUMENT', `${host} has another set of DEKs: the id of the manifest is another`, {
      hint: 'if that is meant: --replace-set',
    });
  }
  if (target.generation > pointer.generation) return;
  const {generation} = pointer;
  throw new DekError('BAD_ARGUMENT', `${host} is to hold generation ${generation}, and this is ${target.generation}`, {
    hint: 'a fleet goes forward only: each command that writes a manifest gives it the next generation',
  });
}

function fallbackFor(target: Target, back: Parcels, targets: ReadonlyMap<Parcel, Target>, path: string): Target {
  const fallback = back.parcels.map((parcel) => targets.get(parcel)!).find(({id}) => id === target.id);
  if (fallback && fallback.generation > target.generation) return fallback;
  throw new DekError('BAD_ARGUMENT', `${path} has no later generation of the same set, which a fallback has to be`, {
    hint: 'a rollback brings a new generation with the DEKs of before, never an old one',
  });
}

/**
 * What is to be published: one manifest, or a release, which lists many and is signed once for all of them. The
 * manifests of a release are found by their digests in a folder; signatures lie beside what they sign.
 */
import {createHash} from 'node:crypto';
import fs from 'node:fs/promises';
import {dirname, join} from 'node:path';
import {toHex} from '../../bytes.js';
import {DekError, systemCode} from '../../errors.js';
import {systemError} from '../../files/system-error.js';
import {parseRelease, RELEASE_MEMBER, type ReleasedManifest} from '../../manifest/release/release.js';
import {digestOf, type Piece} from '../layout/pieces.js';
import type {Target} from '../layout/pointer.js';
import {readUpload, type Upload} from './manifest-upload.js';

/** What goes with a manifest, as blobs. */
export type Proofs = Pick<Target, 'signature' | 'release' | 'releaseSignature'>;

/** A manifest on disk that goes to hosts. */
export interface Parcel {
  readonly path: string;
  /** SHA-256, where a release says it. */
  readonly digest: string | undefined;
  /** The set that it is of, where a release says it. */
  readonly id: string | undefined;
  /** Its hosts by the release; undefined: those that the command names. */
  readonly hosts: readonly string[] | undefined;
  readonly proofs: Proofs;
}

export interface Parcels {
  readonly parcels: readonly Parcel[];
  /** Signatures and the release itself. */
  readonly pieces: readonly Piece[];
  /** How people call it. */
  readonly name: string;
}

/** What the file `path` is. Throws NO_INPUT when a manifest of a release is not found in `folder`; BAD_INPUT, IO. */
export async function readParcels(path: string, folder: string | undefined): Promise<Parcels> {
  const signature = await signatureOf(path);
  const signed = signature ? [signature] : [];
  if (!(await isRelease(path))) {
    const proofs = {signature: signature?.digest ?? null, release: null, releaseSignature: null};
    const parcel = {path, digest: undefined, id: undefined, hosts: undefined, proofs};
    return {parcels: [parcel], pieces: signed, name: path};
  }
  const bytes = await readWhole(path);
  const release = {digest: digestOf(bytes), bytes};
  const proofs = {signature: null, release: release.digest, releaseSignature: signature?.digest ?? null};
  const listed = parseRelease(bytes).manifests.filter(({fallback}) => !fallback);
  const found = await manifestsIn(folder ?? dirname(path), new Set(listed.map((one) => toHex(one.digest))));
  const parcels = listed.map((one): Parcel => {
    const digest = toHex(one.digest);
    const file = found.get(digest);
    if (file === undefined) throw missing(one, folder ?? dirname(path));
    const hosts = one.hosts.length === 0 ? undefined : one.hosts;
    return {path: file, digest, id: toHex(one.id), hosts, proofs};
  });
  return {parcels, pieces: [release, ...signed], name: path};
}

/** Reads the manifest of a parcel, once more where it was read before. Throws BAD_INPUT when it is another by now. */
export async function readParcel({path, digest, proofs}: Parcel): Promise<Upload> {
  const upload = await readUpload(path);
  if (digest !== undefined && upload.target.digest !== digest) {
    throw new DekError('BAD_INPUT', `${path} has changed while it was published`, {hint: 'try again'});
  }
  return {...upload, target: {...upload.target, ...proofs}};
}

async function isRelease(path: string): Promise<boolean> {
  const file = await fs.open(path).catch(unreadable(path));
  try {
    const head = new Uint8Array(64);
    const {bytesRead} = await file.read(head, 0, head.length, 0);
    return Buffer.from(head.subarray(0, bytesRead)).toString('latin1').includes(`"${RELEASE_MEMBER}"`);
  } catch (error) {
    return unreadable(path)(error);
  } finally {
    await file.close();
  }
}

/** The file beside it, FILE.sig; undefined: there is none. */
async function signatureOf(path: string): Promise<Piece | undefined> {
  try {
    const bytes = new Uint8Array(await fs.readFile(`${path}.sig`));
    return {digest: digestOf(bytes), bytes};
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    return unreadable(`${path}.sig`)(error);
  }
}

/** The files of a folder that have one of these digests. */
async function manifestsIn(folder: string, digests: ReadonlySet<string>): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const entries = await fs.readdir(folder, {withFileTypes: true}).catch(unreadable(folder));
  for (const entry of entries) {
    if (!entry.isFile() && !entry.isSymbolicLink()) continue;
    const path = join(folder, entry.name);
    const hash = createHash('sha256');
    try {
      for await (const chunk of (await fs.open(path)).createReadStream()) hash.update(chunk as Uint8Array);
    } catch {
      continue; // a manifest that cannot be read is missing
    }
    const digest = hash.digest('hex');
    if (digests.has(digest)) found.set(digest, path);
  }
  return found;
}

async function readWhole(path: string): Promise<Uint8Array> {
  return new Uint8Array(await fs.readFile(path).catch(unreadable(path)));
}

function missing({hosts, generation, digest}: ReleasedManifest, folder: string): DekError<'NO_INPUT'> {
  const whose =
    hosts.length === 0 ? 'any host' : `${hosts[0]}${hosts.length === 1 ? '' : ` and ${hosts.length - 1} more`}`;
  const what = `generation ${generation} for ${whose}, digest ${toHex(digest).slice(0, 12)}...`;
  return new DekError('NO_INPUT', `${folder} has no manifest that the release lists: ${what}`, {
    hint: 'name the folder with the manifests as they were when the release was made: --manifests DIRECTORY',
  });
}

function unreadable(path: string): (error: unknown) => never {
  return (error) => {
    throw systemError('read', path, error);
  };
}

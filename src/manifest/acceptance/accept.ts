/**
 * Whether a host takes a manifest up: signed by those whom it trusts, meant for it, not older than what it had, not
 * past its end. Pure: what was read comes in, what the host is to remember goes out.
 *
 * Expiry stops new generations and never a start: what the host has accepted before, and the way back from it, is not
 * new. Dates of keys count for what is new alone, too.
 */
import {equalBytes} from '../../bytes.js';
import {DekError} from '../../errors.js';
import {type Edition, timeOf} from '../fields/edition.js';
import {parseRelease, type Release, type ReleasedManifest} from '../release/release.js';
import {digestsOf} from '../signature/digests.js';
import {type Signer, type Trust, verifySignatures} from '../signature/verify.js';
import type {Offered} from './offer.js';

/** What goes with a manifest: a signature of its own, or a release that lists it. */
export type Proof =
  /** The content of FILE.sig; null where there is none. */
  | {readonly signature: Uint8Array | null}
  /** The content of a release, and of its file of signatures. */
  | {readonly release: Uint8Array; readonly signature: Uint8Array | null};

/** The highest generation that a host has accepted of a set of DEKs. */
export interface Known {
  readonly generation: number;
  /** SHA-256 of its manifest. */
  readonly digest: Uint8Array;
}

/** What a host goes by. */
export interface Terms {
  /** null: nothing has to be signed; hosts and dates count all the same. */
  readonly trust: Trust | null;
  /** Its name; null: whoever asks is no host. */
  readonly host: string | null;
  /** What it knows of this set of DEKs; null: nothing. */
  readonly known: Known | null;
  readonly now: Date;
}

/** A manifest that a host may apply. */
export interface Acceptance {
  /** 16 bytes; null for a manifest of version 1, which is nobody's. */
  readonly id: Uint8Array | null;
  readonly generation: number | null;
  /** SHA-256 of the manifest. */
  readonly digest: Uint8Array;
  /** Whether the host had it not accepted before. */
  readonly isNew: boolean;
  /** Who has signed it, or the release; empty where nothing has to be signed. */
  readonly signers: readonly Signer[];
  /** RFC 3339: when it ends as something new; null: never. */
  readonly notAfter: string | null;
  /** What the host is to know once the manifest is applied: a way back does not lower it. */
  readonly known: Known | null;
}

/** A clock that is behind that of whoever wrote the file by as much is set. */
const SKEW_MS = 5 * 60_000;

/**
 * Takes a manifest up or throws, and then nothing is to change: UNSIGNED, BAD_SIGNATURE, NOT_RELEASED, WRONG_HOST,
 * ROLLED_BACK, EXPIRED, CLOCK_NOT_SET; BAD_INPUT for signatures or a release that cannot be read, and for a manifest of
 * version 1 where it has to be signed: it has no generation.
 */
export function acceptManifest(offered: Offered, proof: Proof, terms: Terms): Acceptance {
  const {trust, host, known, now} = terms;
  const {edition} = offered.header;
  const digest = offered.digests.sha256;
  if (!edition) {
    if (trust) throw tooOld();
    return {id: null, generation: null, digest, isNew: true, signers: [], notAfter: null, known: null};
  }
  const {id, generation, hosts, notAfter} = edition;
  // A first look, without the dates of keys: whether it is new is known only from a release that is authentic.
  const {signers, release} = trust ? authenticate(offered, proof, trust, null) : {signers: [], release: undefined};
  assertHost(hosts, host);
  const listed = release && listedIn(release, id, digest, host);
  const isKnown = known !== null && known.generation === generation && equalBytes(known.digest, digest);
  const isWayBack = listed?.entry.fallback === true && known !== null && generation <= known.generation;
  if (trust && known && !isKnown) assertNotOlder(listed?.main ?? {generation, digest}, known, generation);
  const isNew = !isKnown && !isWayBack;
  if (isNew) assertInTime(edition, now);
  // A way back lets an older set in: a key that was taken out of use by its date must not be able to name one.
  if (trust && !isKnown) assertKeysValid(offered, proof, trust, isWayBack ? release!.issued : null, edition, now);
  // Where nothing has to be signed a number says nothing: what was applied last counts.
  const next = trust && known && known.generation >= generation ? known : {generation, digest};
  return {id, generation, digest, isNew, signers, notAfter, known: next};
}

/** Who has signed, and the release that was signed, if it is one. `at` is when their keys have to be valid. */
function authenticate(
  {digests}: Offered,
  proof: Proof,
  trust: Trust,
  at: number | null,
): {signers: Signer[]; release: Release | undefined} {
  if (!('release' in proof)) {
    return {signers: verifySignatures(proof.signature, 'dek-manifest', digests, trust, at), release: undefined};
  }
  const signers = verifySignatures(proof.signature, 'dek-release', digestsOf(proof.release), trust, at);
  return {signers, release: parseRelease(proof.release)};
}

/** Throws UNSIGNED unless the keys are valid now; for a way back, whatever the clock says, not before it was `made`. */
function assertKeysValid(
  offered: Offered,
  proof: Proof,
  trust: Trust,
  made: string | null,
  edition: Edition,
  now: Date,
): void {
  try {
    authenticate(offered, proof, trust, Math.max(now.getTime(), made === null ? 0 : timeOf(made)));
  } catch (error) {
    if (made === null) assertClockSet(edition, now);
    throw error;
  }
}

/** The line of a release that lists the manifest, and that of the newest generation of it. */
function listedIn(
  {manifests}: Release,
  id: Uint8Array,
  digest: Uint8Array,
  host: string | null,
): {entry: ReleasedManifest; main: ReleasedManifest} {
  const same = manifests.filter((one) => equalBytes(one.id, id));
  const entry = same.find((one) => equalBytes(one.digest, digest));
  const main = same.find(({fallback}) => !fallback);
  if (!entry || !main) {
    throw new DekError('NOT_RELEASED', 'the release does not list the manifest as it is', {
      hint: 'get the release and the manifest anew, both of one time; dek manifest release makes one',
    });
  }
  assertHost(entry.hosts, host);
  return {entry, main};
}

function assertHost(hosts: readonly string[], host: string | null): void {
  if (host === null || hosts.length === 0 || hosts.includes(host)) return;
  const more = hosts.length > 3 ? ` and ${hosts.length - 3} more` : '';
  throw new DekError(
    'WRONG_HOST',
    `the manifest is for ${hosts.slice(0, 3).join(', ')}${more}, and this host is ${host}`,
    {
      hint: 'give this host its own manifest, or its name with --host NAME',
    },
  );
}

/** `main` is what stands for the manifest: itself, or the newest of the release that lists it. */
function assertNotOlder(main: Known, known: Known, generation: number): void {
  const had = `this host has accepted generation ${known.generation}`;
  if (main.generation < known.generation) {
    throw new DekError('ROLLED_BACK', `the manifest is of generation ${generation}, and ${had}`, {
      hint: 'a way back needs a release that names it: dek manifest release MANIFEST --fallback OLDER',
    });
  }
  if (main.generation > known.generation || equalBytes(main.digest, known.digest)) return;
  throw new DekError('ROLLED_BACK', `${had} of another content than this one: one number stands for two manifests`, {
    hint: 'write the next generation and sign that: dek manifest set',
  });
}

function assertInTime(edition: Edition, now: Date): void {
  const {generation, notAfter} = edition;
  if (notAfter === null) return;
  assertClockSet(edition, now);
  if (now.getTime() <= timeOf(notAfter)) return;
  throw new DekError('EXPIRED', `generation ${generation} was to be taken up until ${notAfter}, and that is over`, {
    hint: 'write and sign the next generation: dek manifest set --not-after',
  });
}

function assertClockSet({generation, issued}: Edition, now: Date): void {
  if (now.getTime() >= timeOf(issued) - SKEW_MS) return;
  const text = `the clock says ${instant(now)}, before generation ${generation} was written (${issued})`;
  throw new DekError('CLOCK_NOT_SET', `${text}: it is not set`, {hint: 'set the clock, and try again'});
}

function instant(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

function tooOld(): DekError<'BAD_INPUT'> {
  return new DekError(
    'BAD_INPUT',
    'the manifest is of version 1, which has no generation: it cannot be taken as signed',
    {
      hint: 'dek manifest upgrade makes version 2 of it',
    },
  );
}

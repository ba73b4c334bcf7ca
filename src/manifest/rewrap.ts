/**
 * From one import KEK to another: every DEK and the credential, one at a time, each in plaintext in memory only and wiped. And
 * the proof: what was written unwraps under the new KEK to what the old file unwraps to under the old one.
 */
import {equalBytes} from '../bytes.js';
import {DekError} from '../errors.js';
import {wrapCredential} from '../wrap/credential.js';
import {type UnwrappedDek, wrapDek} from '../wrap/dek.js';
import {keyCheckValue} from '../wrap/kcv.js';
import type {ManifestDek, ManifestEntry} from './entry.js';
import type {ManifestHeader, ManifestLogin} from './header.js';
import {type Manifest, openManifest} from './read.js';
import {assertManifestKek, withCredential, withDek} from './unwrap.js';
import {writeManifest} from './write.js';

/** A rewrap: `from` and `to` are import KEKs of 16 or 32 bytes. */
export interface RewrapOptions {
  from: Uint8Array;
  to: Uint8Array;
  /** The id of the new KEK on the NIC, 24 bits; the old one's is kept without. */
  importKekId?: number | undefined;
  /** Called after each DEK with how many are done; waited for; ends the work by throwing. */
  onProgress?: ((deks: number) => void | Promise<void>) | undefined;
}

/**
 * Yields the bytes of the manifest in the file `path`, rewrapped. Throws what `openManifest` throws; UNWRAP_FAILED, before the
 * first byte when `from` is not the KEK of the manifest; BAD_ARGUMENT when `to` is it too, or when there is no login that
 * an id could belong to.
 */
export async function* rewrapManifest(path: string, options: RewrapOptions): AsyncGenerator<Uint8Array, void> {
  const {header, entries} = await openManifest(path);
  try {
    yield* writeManifest(rewrapHeader(header, options), rewrapDeks(entries, options));
  } finally {
    await entries.return();
  }
}

/**
 * Compares two manifests, DEK by DEK in plaintext: `before` unwrapped with `from`, `after` with `to`. Throws IO when they
 * differ, UNWRAP_FAILED, and what `openManifest` throws.
 */
export async function assertSameDeks(before: string, after: string, options: RewrapOptions): Promise<void> {
  const old = await openManifest(before);
  try {
    const fresh = await openManifest(after);
    try {
      await compare(old, fresh, options);
    } finally {
      await fresh.entries.return();
    }
  } finally {
    await old.entries.return();
  }
}

async function compare(old: Manifest, fresh: Manifest, options: RewrapOptions): Promise<void> {
  assertManifestKek(old.header, options.from, 'from');
  assertManifestKek(fresh.header, options.to, 'to');
  if (!isSameHeader(old.header, fresh.header, options)) throw differs(1);
  for (let deks = 0; ; deks++) {
    const [a, b] = [await old.entries.next(), await fresh.entries.next()];
    if (a.done && b.done) return;
    if (a.done || b.done || !isSameEntry(a.value, b.value, options)) throw differs(deks + 2);
    await options.onProgress?.(deks + 1);
  }
}

function rewrapHeader(header: ManifestHeader, {from, to, importKekId}: RewrapOptions): ManifestHeader {
  assertManifestKek(header, from, 'from');
  if (equalBytes(from, to)) throw new DekError('BAD_ARGUMENT', '"from" and "to" are the same KEK');
  if (!header.login && importKekId !== undefined) {
    throw new DekError('BAD_ARGUMENT', 'the manifest has no login, and so no id of its import KEK');
  }
  const login: ManifestLogin | null = header.login && {
    importKekId: importKekId ?? header.login.importKekId,
    credentialId: header.login.credentialId,
    credential: withCredential(from, header.login.credential, (credential) => wrapCredential(to, credential)),
  };
  return {devices: header.devices, importKekKcv: keyCheckValue(to), login};
}

async function* rewrapDeks(
  entries: AsyncIterable<ManifestEntry>,
  {from, to, onProgress}: RewrapOptions,
): AsyncGenerator<ManifestDek, void> {
  let deks = 0;
  for await (const entry of entries) {
    yield {...entry, wrapped: withDek(from, entry, (dek) => wrapDek(to, dek))};
    await onProgress?.(++deks);
  }
}

function isSameHeader(old: ManifestHeader, fresh: ManifestHeader, {from, to, importKekId}: RewrapOptions): boolean {
  if (old.devices.join() !== fresh.devices.join()) return false;
  const [a, b] = [old.login, fresh.login];
  if (!a || !b) return a === b;
  if (a.credentialId !== b.credentialId || (importKekId ?? a.importKekId) !== b.importKekId) return false;
  return withCredential(from, a.credential, (was) => withCredential(to, b.credential, (is) => equalBytes(was, is)));
}

function isSameEntry(a: ManifestEntry, b: ManifestEntry, {from, to}: RewrapOptions): boolean {
  if (a.name !== b.name || !equalBytes(a.opaque, b.opaque)) return false;
  return withDek(from, a, (was) => withDek(to, b, (is) => isSameDek(was, is)));
}

function isSameDek(a: UnwrappedDek, b: UnwrappedDek): boolean {
  const [tagA, tagB] = [a.keytag ?? new Uint8Array(), b.keytag ?? new Uint8Array()];
  return equalBytes(a.key1, b.key1) && equalBytes(a.key2, b.key2) && equalBytes(tagA, tagB);
}

function differs(line: number): DekError<'IO'> {
  return new DekError('IO', `what was written differs from the manifest in line ${line}`, {
    hint: 'another program may have changed the manifest meanwhile; it stays as it is: try again',
  });
}

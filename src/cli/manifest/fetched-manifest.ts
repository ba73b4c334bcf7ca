/**
 * What becomes of a manifest when its keys are fetched again: keys that are the same keep what the manifest knows of
 * them; that one has become another key, or is gone, is not done unless it is meant, since data would be lost.
 */
import {equalBytes} from '../../bytes.js';
import {layoutOfWrapped} from '../../dek-layout.js';
import {assertDekName} from '../../dek-name.js';
import {DekError, systemCode} from '../../errors.js';
import type {WrappedKey} from '../../kmip/keys.js';
import {editionAfter} from '../../manifest/fields/edition.js';
import type {ManifestDek} from '../../manifest/fields/entry.js';
import type {ManifestHeader} from '../../manifest/fields/header.js';
import {openManifest} from '../../manifest/index.js';

/** A manifest that is there, whole. */
export interface KnownManifest {
  readonly header: ManifestHeader;
  readonly deks: ReadonlyMap<string, ManifestDek>;
}

/** What may become of keys that the manifest has. */
export interface ChangeOptions {
  /** The file, for messages. */
  path: string;
  /** Names that may become other keys. */
  replaceKeys: readonly string[];
  /** Whether keys may go that are not at the servers any more. */
  prune: boolean;
}

/** What the new manifest has. */
export interface FetchedManifest {
  readonly header: ManifestHeader;
  readonly deks: readonly ManifestDek[];
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly replaced: readonly string[];
  /** Whether it is another than the one that is there. */
  readonly isNew: boolean;
}

/** The manifest in the file `path`; undefined when there is no file. Throws what reading it throws. */
export async function readKnown(path: string): Promise<KnownManifest | undefined> {
  try {
    const {header, entries} = await openManifest(path);
    const deks = new Map<string, ManifestDek>();
    for await (const {line: _, ...dek} of entries) deks.set(dek.name, dek);
    return {header, deks};
  } catch (error) {
    if (error instanceof DekError && systemCode(error.cause) === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * The manifest of `keys`, with a header like `header`, in the place of `known`. Throws BAD_INPUT for a name that no DEK
 * can have; EXISTS when a key became another, or is gone, and that is not allowed.
 */
export function fetchedManifest(
  header: Omit<ManifestHeader, 'edition'>,
  keys: readonly WrappedKey[],
  known: KnownManifest | undefined,
  {path, replaceKeys, prune}: ChangeOptions,
): FetchedManifest {
  const deks = keys.map((key) => dekOf(key, known?.deks.get(key.name)));
  const names = new Set(deks.map(({name}) => name));
  const added = [...names].filter((name) => !known?.deks.has(name));
  const removed = [...(known?.deks.keys() ?? [])].filter((name) => !names.has(name));
  // Under one KEK a key has one wrapped form: RFC 3394 draws nothing.
  const replaced = known && isSameKek(header, known.header) ? deks.filter((dek) => isOther(dek, known)) : [];
  const unmeant = replaced.find(({name}) => !replaceKeys.includes(name));
  if (unmeant) {
    const {name} = unmeant;
    throw new DekError('EXISTS', `${name} is another key at the server than in ${path}`, {
      hint: `what was written with the old key cannot be read with this; if that is meant: --replace-key ${name}`,
    });
  }
  if (removed.length > 0 && !prune) {
    const more = removed.length === 1 ? '' : `, and ${removed.length - 1} more`;
    throw new DekError('EXISTS', `${removed[0]} is in ${path}, and no longer at the server${more}`, {
      hint: 'what was written with it can then not be read any more; if that is meant: --prune',
    });
  }
  const isNew = !known || added.length + removed.length > 0 || deks.some((dek) => isOther(dek, known));
  const edition = editionAfter(known?.header.edition);
  return {
    header: {...header, edition},
    deks,
    added,
    removed,
    replaced: replaced.map(({name}) => name),
    isNew: isNew || !known.header.edition || !isSameHeader(header, known.header),
  };
}

/** The DEK of a key; of one that is the same, with all that is known of it. */
function dekOf({name, wrapped}: WrappedKey, known: ManifestDek | undefined): ManifestDek {
  try {
    assertDekName(name);
  } catch (cause) {
    const {message, hint} = cause as DekError;
    throw new DekError('BAD_INPUT', `a key at the server has a name that a DEK cannot have: ${message}`, {hint, cause});
  }
  if (known && equalBytes(known.wrapped, wrapped)) return known;
  const {keySize, keytag} = layoutOfWrapped(wrapped.length);
  return {name, keySize, keytag, opaque: known?.opaque ?? new Uint8Array(), wrapped};
}

function isOther({name, wrapped}: ManifestDek, known: KnownManifest): boolean {
  const before = known.deks.get(name);
  return before !== undefined && !equalBytes(before.wrapped, wrapped);
}

function isSameKek({importKekKcv: kcv, login}: Omit<ManifestHeader, 'edition'>, known: ManifestHeader): boolean {
  if (kcv && known.importKekKcv) return equalBytes(kcv, known.importKekKcv);
  return login?.importKekId === known.login?.importKekId;
}

function isSameHeader(header: Omit<ManifestHeader, 'edition'>, known: ManifestHeader): boolean {
  const text = ({devices, importKekKcv, login}: Omit<ManifestHeader, 'edition'>): string =>
    JSON.stringify([
      devices,
      importKekKcv && [...importKekKcv],
      login && {...login, credential: [...login.credential]},
    ]);
  return text(header) === text(known);
}

/** New DEKs in a manifest: in a new one, or after those of one that is there. */

import {layoutOf} from '../dek-layout.js';
import {DekError} from '../errors.js';
import type {FormatVersion} from '../manifest/fields/edition.js';
import {formatHeader, type ManifestHeader, nextHeader, versionOf} from '../manifest/fields/header.js';
import {assertNames, numberedName} from '../manifest/names.js';
import {CHUNK_BYTES, openLines} from '../manifest/read.js';
import {assertManifestKek} from '../manifest/unwrap.js';
import type {KekHandle} from '../wrap/kek-handle.js';
import {assertNoFault, DuplicateRegister, inputsOf, withDuplicates} from './duplicates.js';
import type {Crew} from './jobs/crew.js';
import type {NewLines} from './jobs/line-jobs.js';
import type {OnProgress} from './progress.js';
import {assertGoodKeys} from './raw.js';

/** What the DEKs are to be; `number` is that of the first. */
export type NewDeks = Pick<NewLines, 'keySize' | 'keytag' | 'keytagValue' | 'opaque' | 'pattern' | 'number'>;

/** Some of them: these, or as many random ones. */
export type NewKeys = Pick<NewLines, 'count' | 'plaintexts' | 'expected'>;

/** All of them, and how many, where that is known. */
export interface AllKeys {
  keys: AsyncIterable<NewKeys>;
  count?: number;
}

/**
 * Yields the bytes of a new manifest with a DEK for each of `keys`, wrapped under the crew's KEK. Throws what `keys`
 * throws; BAD_INPUT, EQUAL_KEYS, BAD_ARGUMENT for a name that is none.
 */
export async function* newManifest(
  crew: Crew,
  header: ManifestHeader,
  deks: NewDeks,
  {keys, count = 0}: AllKeys,
  onProgress: OnProgress,
): AsyncGenerator<Uint8Array, void> {
  yield formatHeader(header);
  const register = new DuplicateRegister({deks: count});
  yield* makeAll(crew, deks, keys, {version: versionOf(header), first: 2, register, onProgress});
}

/**
 * The next generation of the manifest in the file `path`, with the DEKs that it has before the new ones. Throws
 * UNWRAP_FAILED, before the first byte, when `kek`, the crew's, is not that of the manifest; EXISTS when a name is in
 * it; what reading it throws.
 */
export async function* addToManifest(
  crew: Crew,
  path: string,
  kek: KekHandle,
  deks: NewDeks,
  {keys, count: newDeks = 0}: AllKeys,
  onProgress: OnProgress,
): AsyncGenerator<Uint8Array, void> {
  const manifest = await openLines(path);
  const {header, lines, bytes} = manifest;
  const register = new DuplicateRegister({bytes, deks: newDeks});
  let first = 2;
  try {
    assertManifestKek(header, kek);
    crew.expect(bytes / CHUNK_BYTES);
    yield formatHeader(nextHeader(header));
    const old = crew.map('checkLines', inputsOf(manifest, register, {unwrap: false, reveal: false}));
    for await (const {text, count, faults} of withDuplicates(old, register)) {
      assertNoFault(faults);
      first += count;
      yield text;
    }
  } finally {
    await lines.return();
  }
  yield* makeAll(crew, deks, keys, {version: versionOf(header), first, register, onProgress});
}

/** Where they go. */
interface Place {
  version: FormatVersion;
  /** The line of the first. */
  first: number;
  register: DuplicateRegister;
  onProgress: OnProgress;
}

async function* makeAll(
  crew: Crew,
  deks: NewDeks,
  keys: AsyncIterable<NewKeys>,
  {version, first, register, onProgress}: Place,
): AsyncGenerator<Uint8Array, void> {
  const {plaintextBytes} = layoutOf(deks.keySize, deks.keytag);
  let made = 0;
  async function* inputs(): AsyncGenerator<NewLines, void> {
    let begun = 0;
    for await (const some of keys) {
      assertNames(deks.pattern, deks.number + begun, some.count);
      yield {...deks, ...some, version, number: deks.number + begun, first: first + begun, key: register.key};
      begun += some.count;
    }
  }
  for await (const output of crew.map('makeLines', inputs())) {
    const {text, count, faults, bad} = output;
    assertGoodKeys(bad, made, plaintextBytes);
    assertNoFault(faults);
    const [duplicate] = register.add(output);
    if (duplicate?.field === 'name') {
      const name = numberedName(deks.pattern, deks.number + duplicate.line - first);
      throw new DekError('EXISTS', `${name} is in the manifest, in line ${duplicate.before}`);
    }
    if (duplicate) assertNoFault([duplicate]);
    made += count;
    yield text;
    await onProgress(made);
  }
}

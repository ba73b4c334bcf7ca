/** Writes a manifest as a stream. What is written is what `readManifest` reads, or nothing is. */

import {given, itemsOf} from '../given.js';
import {findDuplicates, newTables} from './duplicates.js';
import {faultError, inOrder} from './fault.js';
import {formatEntry, type ManifestDek} from './fields/entry.js';
import {formatHeader, type ManifestHeader, versionOf} from './fields/header.js';
import {randomFingerprintKey} from './fingerprint.js';
import {parseLines} from './parse-lines.js';

const CHUNK_CHARACTERS = 2 ** 16;

/**
 * Writes a manifest: `pipeline(Readable.from(writeManifest(...)), process.stdout)`.
 * @param header - what all DEKs have in common
 * @param deks - the DEKs, in the order of the file
 * @returns the bytes, in chunks of about 64 KiB
 * @throws DekError: BAD_ARGUMENT or BAD_INPUT, with the line that would have been at fault
 */
export async function* writeManifest(
  header: ManifestHeader,
  deks: AsyncIterable<ManifestDek> | Iterable<ManifestDek>,
): AsyncGenerator<Uint8Array, void> {
  const tables = newTables();
  const key = randomFingerprintKey();
  let [text, first, count] = ['', 2, 0];
  const checked = (): Uint8Array => {
    const columns = parseLines({text: new Uint8Array(Buffer.from(text)), first, count}, {version, key});
    const [fault] = inOrder(columns.faults, findDuplicates(columns, tables));
    if (fault) throw faultError(fault);
    [text, first, count] = ['', first + count, 0];
    return columns.text;
  };
  yield given('header', 'the header of a manifest', () => formatHeader(header));
  const version = versionOf(header);
  const entry = (dek: ManifestDek) => given('deks', 'DEKs as readManifest yields them', () => formatEntry(dek));
  for await (const dek of itemsOf(deks, 'deks')) {
    text += `${entry(dek)}\n`;
    count++;
    if (text.length >= CHUNK_CHARACTERS) yield checked();
  }
  yield checked();
}

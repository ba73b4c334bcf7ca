/**
 * Reads a manifest as a stream: the header at once, the DEKs as they are asked for. What is held is one chunk, and the
 * two tables that find duplicates: 40 to 86 bytes a DEK for both.
 */

import {readSync} from 'node:fs';
import fs from 'node:fs/promises';
import {setImmediate as turnOfTheLoop} from 'node:timers/promises';
import {fromHex} from '../bytes.js';
import {DCV_BYTES, DCV_HINT_BYTES, KEYTAG_BYTES} from '../dek-layout.js';
import {DekError} from '../errors.js';
import {systemError} from '../files/system-error.js';
import {type Columns, markAt, nameOf, opaqueOf} from './columns.js';
import {expectedDeks, findDuplicates, newTables, type Tables} from './duplicates.js';
import {type Fault, faultError, inOrder, LineFault} from './fault.js';
import type {FormatVersion} from './fields/edition.js';
import type {ManifestEntry, Marks} from './fields/entry.js';
import {type ManifestHeader, parseHeader, versionOf} from './fields/header.js';
import {type FingerprintKey, randomFingerprintKey} from './fingerprint.js';
import {type ByteSource, type Lines, linesOf} from './lines.js';
import {parseLines} from './parse-lines.js';

/** How much of a file is read at a time. */
export const CHUNK_BYTES = 2 ** 17;
/** Drawn once for all readings of this thread, so that fingerprints of one can be compared with those of another. */
let fingerprintKey: FingerprintKey | undefined;

/** A manifest that is being read. */
export interface Manifest {
  readonly header: ManifestHeader;
  /**
   * Its DEKs, once, in the order of the file. Throws BAD_INPUT at the first fault; its `return()` closes the source.
   */
  readonly entries: AsyncGenerator<ManifestEntry, void>;
}

/** How to read a manifest. */
export interface ReadManifestOptions {
  /**
   * Called with each line after the header that is at fault, which is then left out; after one that is cut off or too
   * long nothing follows. Without it the first fault is thrown.
   */
  onFault?: ((error: DekError, line: number) => void) | undefined;
  /**
   * No table is kept, and no duplicate found: for a caller that reads a manifest again and makes sure, at its end, that
   * it has not changed.
   */
  again?: boolean | undefined;
}

/**
 * Reads a manifest as a stream.
 * @param source - any iterable of chunks of bytes
 * @param options - what to do at a fault
 * @returns the header, and the DEKs as they are asked for. A manifest is good only when `entries` has come to its end:
 *   take no DEK of it into use before
 * @throws DekError: BAD_INPUT, with the line at fault
 */
export async function readManifest(source: ByteSource, options: ReadManifestOptions = {}): Promise<Manifest> {
  const {header, lines} = await openLines(source);
  return {header, entries: await begun(entriesOf(await columnsOf(lines, versionOf(header), options), options))};
}

/**
 * `readManifest` of a file.
 * @param path - its path
 * @param options - what to do at a fault
 * @returns the header, and the DEKs as they are asked for. A manifest is good only when `entries` has come to its end:
 *   take no DEK of it into use before
 * @throws DekError: BAD_INPUT, with the line at fault; NO_INPUT, PERMISSION, IO
 */
export async function openManifest(path: string, options: ReadManifestOptions = {}): Promise<Manifest> {
  if (typeof path !== 'string') throw new DekError('BAD_ARGUMENT', '"path" expected a path');
  return readManifest(chunksOf(path), options);
}

/** A manifest that is being read, many lines at a time. */
export interface ManifestLines {
  header: ManifestHeader;
  /** The others, in order. Throws a LineFault after the lines before it; its `return()` closes the source. */
  lines: AsyncGenerator<Lines, void>;
  /** Of the whole file; 0 when it is not known before. */
  bytes: number;
}

/** Reads the header from `source`, or from the file of that path. Throws what `openManifest` throws. */
export async function openLines(source: ByteSource | string): Promise<ManifestLines> {
  const lines = linesOf(typeof source === 'string' ? chunksOf(source) : source);
  try {
    const {value: some} = await lines.next();
    const bytes = typeof source === 'string' ? await sizeOf(source) : 0;
    return {header: parseHeader(some as Lines), lines, bytes};
  } catch (error) {
    await lines.return();
    throw error;
  }
}

/** The header of a manifest alone: nothing is said of its DEKs. Throws what `openManifest` throws. */
export async function readHeader(path: string): Promise<ManifestHeader> {
  const {header, lines} = await openLines(path);
  await lines.return();
  return header;
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await fs.stat(path)).size;
  } catch (error) {
    throw systemError('read', path, error);
  }
}

/**
 * The DEKs of these lines, many at a time; of a manifest of this version, and of about `bytes`, where that is known.
 * Columns come with their faults, which are the caller's to throw or to report.
 */
export async function columnsOf(
  lines: AsyncGenerator<Lines, void>,
  version: FormatVersion,
  options: ReadManifestOptions = {},
  bytes = 0,
): Promise<AsyncGenerator<Columns, void>> {
  return begun(columnsIn(lines, version, options, bytes));
}

/** A generator that gives null first, past that: one that had not begun would close nothing at its `return()`. */
async function begun<T>(items: AsyncGenerator<T | null, void>): Promise<AsyncGenerator<T, void>> {
  await items.next();
  return items as AsyncGenerator<T, void>;
}

async function* entriesOf(
  parts: AsyncGenerator<Columns, void>,
  {onFault}: ReadManifestOptions,
): AsyncGenerator<ManifestEntry | null, void> {
  const report = (fault: Fault): void => {
    if (!onFault) throw faultError(fault);
    onFault(faultError(fault), fault.line);
  };
  try {
    yield null;
    // Not yield*, which takes three times as long.
    for await (const columns of parts) for (const entry of entriesIn(columns, report)) yield entry;
  } finally {
    await parts.return(undefined);
  }
}

async function* columnsIn(
  lines: AsyncGenerator<Lines, void>,
  version: FormatVersion,
  {onFault, again = false}: ReadManifestOptions,
  bytes: number,
): AsyncGenerator<Columns | null, void> {
  let tables: Tables | undefined;
  fingerprintKey ??= randomFingerprintKey();
  try {
    yield null;
    for await (const some of lines) {
      const columns = parseLines(some, {version, key: fingerprintKey, names: !again});
      tables ??= again ? undefined : newTables(expectedDeks(bytes, columns));
      const duplicates = tables ? findDuplicates(columns, tables) : [];
      yield {...columns, faults: inOrder(columns.faults, duplicates)};
    }
  } catch (error) {
    // A fault that nothing follows; those before have been reported.
    if (!onFault || !(error instanceof LineFault)) throw error;
    onFault(error, error.line);
  } finally {
    await lines.return();
  }
}

/** The DEKs one by one, and to `report` each fault in its turn. */
function* entriesIn(columns: Columns, report: (fault: Fault) => void): Generator<ManifestEntry, void> {
  const {count, lines, layouts, keys, faults} = columns;
  const text = Buffer.from(columns.text.buffer, columns.text.byteOffset, columns.text.length);
  const taken = keys.map(() => 0);
  let nextFault = 0;
  for (let i = 0; i < count; i++) {
    const line = lines[i]!;
    while (nextFault < faults.length && faults[nextFault]!.line < line) report(faults[nextFault++]!);
    const {layout, wrapped} = keys[layouts[i]!]!;
    const from = taken[layouts[i]!]!++ * layout.wrappedBytes;
    if (faults[nextFault]?.line === line) continue;
    yield {
      line,
      name: nameOf(text, columns, i),
      keySize: layout.keySize,
      keytag: layout.keytag,
      wrapped: wrapped.subarray(from, from + layout.wrappedBytes),
      opaque: opaqueOf(text, columns, i),
      ...marksOf(text, columns, i),
    };
  }
  for (const fault of faults.slice(nextFault)) report(fault);
}

function marksOf(text: Buffer, {keytagValueAt, dcvAt, dcvHintsAt}: Columns, i: number): Marks {
  const keytagValue = markAt(text, keytagValueAt[i]!, KEYTAG_BYTES);
  const dcv = markAt(text, dcvAt[i]!, DCV_BYTES);
  const dcvHints = markAt(text, dcvHintsAt[i]!, DCV_HINT_BYTES);
  return {
    ...(keytagValue === null ? {} : {keytagValue: fromHex(keytagValue, 'keytagValue')}),
    ...(dcv === null ? {} : {dcv: fromHex(dcv, 'dcv')}),
    ...(dcvHints === null ? {} : {dcvHints: fromHex(dcvHints, 'dcvHints')}),
  };
}

/** What the file `path` holds. A chunk is good until the next is asked for. */
export async function* chunksOf(path: string): AsyncGenerator<Uint8Array, void> {
  let handle: fs.FileHandle | undefined;
  try {
    handle = await fs.open(path);
    const isFile = (await handle.stat()).isFile();
    const chunk = new Uint8Array(CHUNK_BYTES);
    for (;;) {
      // A file lies in the cache of the system, as a rule: asking a thread to copy it from there takes longer.
      const bytesRead = isFile ? readSync(handle.fd, chunk) : (await handle.read(chunk)).bytesRead;
      if (isFile) await turnOfTheLoop(); // who else is served by this process is not to wait for all of the file
      if (bytesRead === 0) return;
      yield chunk.subarray(0, bytesRead);
    }
  } catch (error) {
    throw systemError('read', path, error);
  } finally {
    await handle?.close();
  }
}

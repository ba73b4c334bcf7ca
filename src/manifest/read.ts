/**
 * Reads a manifest as a stream: the header at once, the DEKs as they are asked for. What is held is one chunk, and the two
 * tables that find duplicates: 40 to 86 bytes a DEK for both.
 */
import {readSync} from 'node:fs';
import fs from 'node:fs/promises';
import {setImmediate as turnOfTheLoop} from 'node:timers/promises';
import {DekError, systemCode} from '../errors.js';
import {type Batch, parseLines} from './batch.js';
import {nameOf, opaqueOf} from './canonical.js';
import {expectedDeks, findDuplicates, newTables, type Tables} from './duplicates.js';
import type {ManifestEntry} from './entry.js';
import {type Fault, faultError, inOrder, LineFault} from './fault.js';
import {type FingerprintKey, keyFingerprintsOf, nameFingerprintsOf, randomFingerprintKey} from './fingerprint.js';
import {type ManifestHeader, parseHeader} from './header.js';
import {type ByteSource, type Lines, linesOf} from './lines.js';

/** How much of a file is read at a time. */
export const CHUNK_BYTES = 2 ** 17;
/** Drawn once for all readings of this thread, so that fingerprints of one can be compared with those of another. */
let fingerprintKey: FingerprintKey | undefined;

/** A manifest that is being read. */
export interface Manifest {
  readonly header: ManifestHeader;
  /** Its DEKs, once, in the order of the file. Throws BAD_INPUT at the first fault; its `return()` closes the source. */
  readonly entries: AsyncGenerator<ManifestEntry, void>;
}

export interface ReadManifestOptions {
  /**
   * Called with each line after the header that is at fault, which is then left out; after one that is cut off or too long
   * nothing follows. Without it the first fault is thrown.
   */
  onFault?: ((error: DekError, line: number) => void) | undefined;
  /**
   * No table is kept, and no duplicate found: for a caller that reads a manifest again and makes sure, at its end, that it has
   * not changed.
   */
  again?: boolean | undefined;
}

/**
 * Reads the header from `source`, any iterable of byte chunks, and gives access to the DEKs. A manifest is good only when
 * `entries` has come to its end: take no DEK of it into use before. Throws BAD_INPUT.
 */
export async function readManifest(source: ByteSource, options: ReadManifestOptions = {}): Promise<Manifest> {
  const {header, parts} = await readManifestParts(source, options);
  return {header, entries: await begun(entriesOf(parts, options))};
}

/** The same for the file `path`. Throws BAD_INPUT, NO_INPUT, PERMISSION, IO. */
export async function openManifest(path: string, options: ReadManifestOptions = {}): Promise<Manifest> {
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
    const bytes = typeof source === 'string' ? (await fs.stat(source)).size : 0;
    return {header: parseHeader(some as Lines), lines, bytes};
  } catch (error) {
    await lines.return();
    throw error;
  }
}

/** The DEKs of many lines. */
export interface ManifestPart {
  readonly batch: Batch;
  /** Of lines that are no part of the batch, and of DEKs in it that stand twice. */
  readonly faults: readonly Fault[];
  /** The fingerprint of each wrapped key, FINGERPRINT_WORDS words each: they tell one from another within this thread. */
  readonly fingerprints: Int32Array;
}

/**
 * `readManifest` with the DEKs of many lines at a time; of a manifest of about `bytes`, where that is known. A part comes with its
 * faults, which are the caller's to throw or to report.
 */
export async function readManifestParts(
  source: ByteSource,
  options: ReadManifestOptions = {},
  bytes = 0,
): Promise<{header: ManifestHeader; parts: AsyncGenerator<ManifestPart, void>}> {
  const {header, lines} = await openLines(source);
  return {header, parts: await begun(partsOf(lines, options, bytes))};
}

/** A generator that gives null first, past that: one that had not begun would close nothing at its `return()`. */
async function begun<T>(items: AsyncGenerator<T | null, void>): Promise<AsyncGenerator<T, void>> {
  await items.next();
  return items as AsyncGenerator<T, void>;
}

async function* entriesOf(
  parts: AsyncGenerator<ManifestPart>,
  {onFault}: ReadManifestOptions,
): AsyncGenerator<ManifestEntry | null, void> {
  const report = (fault: Fault): void => {
    if (!onFault) throw faultError(fault);
    onFault(faultError(fault), fault.line);
  };
  try {
    yield null;
    // Not yield*, which takes three times as long.
    for await (const {batch, faults} of parts) for (const entry of entriesIn(batch, faults, report)) yield entry;
  } finally {
    await parts.return(undefined);
  }
}

async function* partsOf(
  lines: AsyncGenerator<Lines, void>,
  {onFault, again = false}: ReadManifestOptions,
  bytes: number,
): AsyncGenerator<ManifestPart | null, void> {
  let tables: Tables | undefined;
  fingerprintKey ??= randomFingerprintKey();
  try {
    yield null;
    for await (const some of lines) {
      const batch = parseLines(some);
      const keys = keyFingerprintsOf(batch, fingerprintKey);
      tables ??= again ? undefined : newTables(expectedDeks(bytes, batch));
      const duplicates = tables
        ? findDuplicates({names: nameFingerprintsOf(batch, fingerprintKey), keys}, batch.lines, tables)
        : [];
      yield {batch, faults: inOrder(batch.faults, duplicates), fingerprints: keys};
    }
  } catch (error) {
    // A fault that nothing follows; those before have been reported.
    if (!onFault || !(error instanceof LineFault)) throw error;
    onFault(error, error.line);
  } finally {
    await lines.return();
  }
}

/** The DEKs of a batch one by one, and to `report` each fault in its turn. */
function* entriesIn(
  batch: Batch,
  faults: readonly Fault[],
  report: (fault: Fault) => void,
): Generator<ManifestEntry, void> {
  const {count, lines, layouts, keys} = batch;
  const text = Buffer.from(batch.text.buffer, batch.text.byteOffset, batch.text.length);
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
      name: nameOf(text, batch, i),
      keySize: layout.keySize,
      keytag: layout.keytag,
      wrapped: wrapped.subarray(from, from + layout.wrappedBytes),
      opaque: opaqueOf(text, batch, i),
    };
  }
  for (const fault of faults.slice(nextFault)) report(fault);
}

async function* chunksOf(path: string): AsyncGenerator<Uint8Array, void> {
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
    throw error instanceof DekError ? error : explain(error, path);
  } finally {
    await handle?.close();
  }
}

function explain(error: unknown, file: string): DekError {
  const path = file === '' ? '""' : file;
  const errno = systemCode(error);
  const options = {errno, cause: error};
  if (errno === 'ENOENT' || errno === 'ENOTDIR') return new DekError('NO_INPUT', `${path} does not exist`, options);
  if (errno === 'EACCES' || errno === 'EPERM') return new DekError('PERMISSION', `${path} may not be read`, options);
  if (errno === 'EISDIR') return new DekError('BAD_INPUT', `${path} is a directory`, options);
  if (errno === 'ERR_INVALID_ARG_VALUE') return new DekError('BAD_ARGUMENT', `${JSON.stringify(path)} is not a path`);
  return new DekError('IO', `${path} cannot be read${errno ? `: ${errno}` : ''}`, options);
}

/**
 * Reads a manifest as a stream: the header at once, the DEKs as they are asked for. What is held is one chunk, one line, and
 * the two tables that find duplicates: 43 to 86 bytes a DEK for both.
 */
import fs from 'node:fs/promises';
import {DekError, systemCode} from '../errors.js';
import {type ManifestEntry, parseEntry} from './entry.js';
import {fault} from './fault.js';
import {type ManifestHeader, parseHeader} from './header.js';
import {type ByteSource, linesOf} from './lines.js';
import {Seen} from './seen.js';

const CHUNK_BYTES = 2 ** 16;

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
  const items = parse(source, options);
  const {value: header} = await items.next();
  // The generator yields a header once and then DEKs; its type cannot say so.
  return {header: header as ManifestHeader, entries: items as AsyncGenerator<ManifestEntry, void>};
}

/** The same for the file `path`. Throws BAD_INPUT, NO_INPUT, PERMISSION, IO. */
export async function openManifest(path: string, options: ReadManifestOptions = {}): Promise<Manifest> {
  return readManifest(chunksOf(path), options);
}

async function* parse(
  source: ByteSource,
  {onFault, again = false}: ReadManifestOptions,
): AsyncGenerator<ManifestHeader | ManifestEntry, void> {
  const lines = linesOf(source);
  const [names, keys] = [new Seen(), new Seen()];
  try {
    yield parseHeader((await lines.next()).value as string);
    for (let line = 2; ; line++) {
      try {
        const {value: text, done} = await lines.next();
        if (done) return;
        const entry = parseEntry(text, line);
        if (!again) assertNew(entry, names, keys);
        yield entry;
      } catch (error) {
        if (!onFault || !(error instanceof DekError) || error.code !== 'BAD_INPUT') throw error;
        onFault(error, line);
      }
    }
  } finally {
    await lines.return();
  }
}

/** Throws BAD_INPUT when an entry's name or wrapped key stood in an earlier line. */
export function assertNew({line, name, wrapped}: ManifestEntry, names: Seen, keys: Seen): void {
  const sameName = names.add(name, line);
  if (sameName > 0) throw fault(line, 'name', `stands in line ${sameName} already`);
  // Key wrap is deterministic: the same bytes are the same DEK.
  const sameKey = keys.add(wrapped, line);
  if (sameKey > 0) throw fault(line, 'wrapped', `stands in line ${sameKey} already`);
}

async function* chunksOf(path: string): AsyncGenerator<Uint8Array, void> {
  let handle: fs.FileHandle | undefined;
  try {
    handle = await fs.open(path);
    const chunk = new Uint8Array(CHUNK_BYTES);
    for (;;) {
      const {bytesRead} = await handle.read(chunk, 0, CHUNK_BYTES, null);
      if (bytesRead === 0) return;
      yield chunk.subarray(0, bytesRead);
    }
  } catch (error) {
    throw error instanceof DekError ? error : explain(error, path);
  } finally {
    await handle?.close();
  }
}

function explain(error: unknown, path: string): DekError {
  const errno = systemCode(error);
  const options = {errno, cause: error};
  if (errno === 'ENOENT' || errno === 'ENOTDIR') return new DekError('NO_INPUT', `${path} does not exist`, options);
  if (errno === 'EACCES' || errno === 'EPERM') return new DekError('PERMISSION', `${path} may not be read`, options);
  if (errno === 'EISDIR') return new DekError('BAD_INPUT', `${path} is a directory`, options);
  if (errno === 'ERR_INVALID_ARG_VALUE') return new DekError('BAD_ARGUMENT', `${JSON.stringify(path)} is not a path`);
  return new DekError('IO', `${path} cannot be read${errno ? `: ${errno}` : ''}`, options);
}

/**
 * A manifest as the agent uses it: read whole and checked before anything is done, then once more to do it. A large one
 * is read again for that, through the same open file, and must be what it was; a small one is kept.
 */

import {createHash} from 'node:crypto';
import {closeSync} from 'node:fs';
import {setImmediate as turnOfTheLoop} from 'node:timers/promises';
import {equalBytes, fromHex} from '../../bytes.js';
import {DekError} from '../../errors.js';
import type {Offered} from '../../manifest/acceptance/offer.js';
import type {Columns} from '../../manifest/columns.js';
import {faultError} from '../../manifest/fault.js';
import {type ManifestHeader, parseHeader, versionOf} from '../../manifest/fields/header.js';
import {type Lines, linesOf} from '../../manifest/lines.js';
import {columnsOf} from '../../manifest/read.js';
import {type DekBatch, dekBatches, pick} from './dek-batch.js';
import {chunksOf, fastReader, openManifest, slowReader} from './manifest-chunks.js';

const NEVER = new AbortController().signal;

/** Some 1,600 DEKs of 256 bits. */
const CHUNK_BYTES = 2 ** 18;
/** At a time, when only the header is wanted. */
const HEADER_BYTES = 2 ** 12;
/** The largest manifest that is kept between its readings: some 25,000 DEKs. */
const MAX_KEPT_BYTES = 2 ** 22;

export interface OpenOptions {
  maxKeptBytes?: number;
  /** Which DEKs are meant, by name; all when left out. */
  only?: ((name: string) => boolean) | undefined;
  /** Ends the reading. */
  signal?: AbortSignal;
}

export class ManifestFile {
  readonly path: string;
  readonly #fd: number;
  readonly #bytes: number;
  readonly #maxKeptBytes: number;
  readonly #only: ((name: string) => boolean) | undefined;
  readonly header: ManifestHeader;
  /** The line of the header. */
  readonly #headerLine: Uint8Array;
  readonly #signal: AbortSignal;
  #isOpen = true;
  #digest: string | undefined;
  /** How many DEKs are in it, known with its digest. */
  #deks: number | undefined;
  #kept: readonly Columns[] | undefined;

  private constructor(
    path: string,
    fd: number,
    bytes: number,
    headerLine: Uint8Array,
    {maxKeptBytes = MAX_KEPT_BYTES, only, signal = NEVER}: OpenOptions,
  ) {
    this.path = path;
    this.#fd = fd;
    this.#bytes = bytes;
    this.#headerLine = headerLine;
    this.header = parseHeader({text: headerLine});
    this.#maxKeptBytes = maxKeptBytes;
    this.#only = only;
    this.#signal = signal;
  }

  /** Opens the file and reads the header. Throws NO_INPUT, PERMISSION, IO, BAD_INPUT. */
  static async open(path: string, options: OpenOptions = {}): Promise<ManifestFile> {
    const {signal = NEVER} = options;
    const {fd, bytes} = await openManifest(path, signal);
    try {
      const lines = linesOf(chunksOf(path, HEADER_BYTES, slowReader(path, fd, signal)));
      const headerLine = await firstLine(lines);
      await lines.return();
      return new ManifestFile(path, fd, bytes, headerLine, options);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  /** SHA-256 of the file in hex, known when `count` or `batches` came to its end. */
  get digest(): string | undefined {
    return this.#digest;
  }

  /** Reads it whole, once, for whoever has to tell whether it is authentic. Throws BAD_INPUT as `batches` does. */
  async read(): Promise<Offered> {
    const sha512 = createHash('sha512');
    for await (const _ of this.#columns((chunk) => sha512.update(chunk)));
    const digests = {sha256: fromHex(this.#digest!, 'digest'), sha512: new Uint8Array(sha512.digest())};
    return {header: this.header, digests, deks: this.#deks!};
  }

  /**
   * How many DEKs it has, as it was when it was read whole; `goOn` is called now and then, to give up by throwing.
   * Throws BAD_INPUT as `batches` does.
   */
  async count(goOn: () => void): Promise<number> {
    if (!this.#only) {
      if (this.#deks === undefined) for await (const _ of this.#columns()) goOn();
      return this.#deks!;
    }
    let deks = 0;
    for await (const {names} of this.batches()) {
      goOn();
      deks += names.length;
    }
    return deks;
  }

  /**
   * Its DEKs that are wanted, in batches of one layout; all of them without `isWanted`. Throws BAD_INPUT at a fault,
   * and at the end when a large file is not what it was the last time.
   */
  async *batches(isWanted?: (batch: DekBatch, i: number) => boolean): AsyncGenerator<DekBatch, void> {
    for await (const columns of this.#columns()) {
      for (const all of dekBatches(columns)) {
        const batch = this.#only
          ? pick(
              all,
              positionsOf(all, ({names}, i) => this.#only!(names[i]!)),
            )
          : all;
        const wanted = isWanted ? pick(batch, positionsOf(batch, isWanted)) : batch;
        if (wanted.names.length > 0) yield wanted;
      }
    }
  }

  /** Nothing the second time. */
  close(): void {
    if (this.#isOpen) closeSync(this.#fd);
    this.#isOpen = false;
  }

  /** The first time, when nothing is kept, `tap` sees all bytes. */
  async *#columns(tap?: (chunk: Uint8Array) => void): AsyncGenerator<Columns, void> {
    if (this.#kept) {
      for (const columns of this.#kept) {
        await turnOfTheLoop();
        yield columns;
      }
      return;
    }
    let kept: Columns[] | undefined = [];
    let bytes = 0;
    let deks = 0;
    const hash = createHash('sha256');
    try {
      const readAt = this.#digest === undefined ? slowReader(this.path, this.#fd, this.#signal) : fastReader(this.#fd);
      const chunks = chunksOf(this.path, CHUNK_BYTES, readAt, (chunk) => {
        hash.update(chunk);
        tap?.(chunk);
        bytes += chunk.length;
        if (bytes > this.#maxKeptBytes) kept = undefined;
      });
      const lines = linesOf(chunks);
      if (!equalBytes(await firstLine(lines), this.#headerLine)) throw this.#changed();
      // Duplicates were found the first time: the digest tells whether it is the same file.
      const options = {again: this.#digest !== undefined};
      for await (const columns of await columnsOf(lines, versionOf(this.header), options, this.#bytes)) {
        if (columns.faults[0]) throw faultError(columns.faults[0]);
        deks += columns.count;
        kept?.push(columns);
        yield columns;
      }
    } catch (error) {
      // What was read without a fault before has none now.
      if (this.#digest !== undefined && error instanceof DekError && error.code === 'BAD_INPUT') throw this.#changed();
      throw error;
    }
    const digest = hash.digest('hex');
    if (this.#digest !== undefined && this.#digest !== digest) throw this.#changed();
    this.#digest = digest;
    this.#deks = deks;
    this.#kept = kept;
  }

  #changed(): DekError {
    return new DekError('BAD_INPUT', `${this.path} changed while it was read`, {
      hint: 'write a new file and rename it to the old name',
    });
  }
}

function positionsOf(batch: DekBatch, is: (batch: DekBatch, i: number) => boolean): number[] {
  return [...batch.names.keys()].filter((i) => is(batch, i));
}

/** The header's line. Throws BAD_INPUT when there is none. */
async function firstLine(lines: AsyncGenerator<Lines, void>): Promise<Uint8Array> {
  const {value} = await lines.next();
  return (value as Lines).text; // an empty file throws
}

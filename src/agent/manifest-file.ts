/**
 * A manifest as the agent uses it: read whole and checked before anything is done, then once more to do it. A large one is read
 * again for that, through the same open file, and must be what it was; a small one is kept.
 */
import {createHash} from 'node:crypto';
import fs, {closeSync, constants, readSync} from 'node:fs';
import {setImmediate as turnOfTheLoop} from 'node:timers/promises';
import {promisify} from 'node:util';
import {equalBytes} from '../bytes.js';
import {Deadline} from '../deadline.js';
import {DekError, systemCode} from '../errors.js';
import {faultError} from '../manifest/fault.js';
import {formatHeader} from '../manifest/header.js';
import {type ManifestHeader, type ManifestPart, readManifestParts} from '../manifest/index.js';
import {type DekBatch, dekBatches, pick} from './dek-batch.js';

// The first reading goes by the pool, as a mount that does not answer must not stop this thread. It has then been seen to answer, and
// the file is in the cache: the second one, while DEKs are made, is on this thread, since the pool is busy with firmware commands,
// behind which a read would wait.
const openFile = promisify(fs.open);
const fstat = promisify(fs.fstat);
const read = promisify(fs.read);

/** How long a file may give nothing. */
const TIMEOUT_MS = 10_000;
const NEVER = new AbortController().signal;

/** Some 1,600 DEKs of 256 bits. */
const CHUNK_BYTES = 2 ** 18;
/** At a time, when only the header is wanted. */
const HEADER_BYTES = 2 ** 12;
/** The largest manifest that is kept between its readings: some 25,000 DEKs. */
const MAX_KEPT_BYTES = 2 ** 22;

export interface OpenOptions {
  maxKeptBytes?: number;
  /** Ends the reading. */
  signal?: AbortSignal;
}

export class ManifestFile {
  readonly path: string;
  readonly #fd: number;
  readonly #bytes: number;
  readonly #maxKeptBytes: number;
  readonly #signal: AbortSignal;
  #header: ManifestHeader | undefined;
  #digest: string | undefined;
  #kept: readonly ManifestPart[] | undefined;

  private constructor(
    path: string,
    fd: number,
    bytes: number,
    {maxKeptBytes = MAX_KEPT_BYTES, signal = NEVER}: OpenOptions,
  ) {
    this.path = path;
    this.#fd = fd;
    this.#bytes = bytes;
    this.#maxKeptBytes = maxKeptBytes;
    this.#signal = signal;
  }

  /** Opens the file and reads the header. Throws NO_INPUT, PERMISSION, IO, BAD_INPUT. */
  static async open(path: string, options: OpenOptions = {}): Promise<ManifestFile> {
    const deadline = new Deadline(path, {timeoutMs: TIMEOUT_MS, signal: options.signal ?? NEVER});
    const fd = await open(path, deadline);
    try {
      const stat = await deadline.wait(() => fstat(fd));
      if (!stat.isFile()) {
        throw new DekError('BAD_INPUT', `${path} is not a file`, {hint: 'the agent reads a manifest more than once'});
      }
      const manifest = new ManifestFile(path, fd, stat.size, options);
      const {header, parts} = await readManifestParts(manifest.#chunks(HEADER_BYTES));
      await parts.return();
      manifest.#header = header;
      return manifest;
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  get header(): ManifestHeader {
    return this.#header!;
  }

  /** SHA-256 of the file in hex, known when `count` or `batches` came to its end. */
  get digest(): string | undefined {
    return this.#digest;
  }

  /** How many DEKs it has; `goOn` is called now and then, to give up by throwing. Throws BAD_INPUT as `batches` does. */
  async count(goOn: () => void): Promise<number> {
    let deks = 0;
    for await (const {batch} of this.#parts()) {
      goOn();
      deks += batch.count;
    }
    return deks;
  }

  /**
   * Its DEKs that are wanted, in batches of one layout; all of them without `isWanted`. Throws BAD_INPUT at a fault, and at the
   * end when a large file is not what it was the last time.
   */
  async *batches(isWanted?: (batch: DekBatch, i: number) => boolean): AsyncGenerator<DekBatch, void> {
    for await (const part of this.#parts()) {
      for (const batch of dekBatches(part)) {
        const wanted = isWanted
          ? pick(
              batch,
              [...batch.names.keys()].filter((i) => isWanted(batch, i)),
            )
          : batch;
        if (wanted.names.length > 0) yield wanted;
      }
    }
  }

  close(): void {
    closeSync(this.#fd);
  }

  async *#parts(): AsyncGenerator<ManifestPart, void> {
    if (this.#kept) {
      for (const part of this.#kept) {
        await turnOfTheLoop();
        yield part;
      }
      return;
    }
    let kept: ManifestPart[] | undefined = [];
    let bytes = 0;
    const hash = createHash('sha256');
    let header: ManifestHeader;
    try {
      const chunks = this.#chunks(CHUNK_BYTES, (chunk) => {
        hash.update(chunk);
        bytes += chunk.length;
        if (bytes > this.#maxKeptBytes) kept = undefined;
      });
      // Duplicates were found the first time: the digest tells whether it is the same file.
      const manifest = await readManifestParts(chunks, {again: this.#digest !== undefined}, this.#bytes);
      header = manifest.header;
      for await (const part of manifest.parts) {
        if (part.faults[0]) throw faultError(part.faults[0]);
        kept?.push(part);
        yield part;
      }
    } catch (error) {
      // What was read without a fault before has none now.
      if (this.#digest !== undefined && error instanceof DekError && error.code === 'BAD_INPUT') throw this.#changed();
      throw error;
    }
    const digest = hash.digest('hex');
    const isOther = this.#digest !== undefined && this.#digest !== digest;
    if (isOther || !equalBytes(formatHeader(header), formatHeader(this.header))) throw this.#changed();
    this.#digest = digest;
    this.#kept = kept;
  }

  #changed(): DekError {
    return new DekError('BAD_INPUT', `${this.path} changed while it was read`, {
      hint: 'write a new file and rename it to the old name',
    });
  }

  async *#chunks(bytes: number, tap?: (chunk: Uint8Array) => void): AsyncGenerator<Uint8Array, void> {
    const buffer = new Uint8Array(bytes);
    for (let position = 0; ; ) {
      const bytesRead = await this.#read(buffer, position);
      if (bytesRead === 0) return;
      position += bytesRead;
      const chunk = buffer.subarray(0, bytesRead);
      tap?.(chunk);
      yield chunk;
    }
  }

  async #read(buffer: Uint8Array, position: number): Promise<number> {
    if (this.#digest !== undefined) {
      await turnOfTheLoop();
      return readSync(this.#fd, buffer, 0, buffer.length, position);
    }
    const deadline = new Deadline(this.path, {timeoutMs: TIMEOUT_MS, signal: this.#signal});
    return (await deadline.wait(() => read(this.#fd, buffer, 0, buffer.length, position))).bytesRead;
  }
}

async function open(path: string, deadline: Deadline): Promise<number> {
  // Not to wait for a writer where there is a pipe: that is refused.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK;
  try {
    return await deadline.wait(() => openFile(path, flags), closeSync);
  } catch (cause) {
    if (cause instanceof DekError) throw cause;
    const errno = systemCode(cause);
    const code = errno === 'ENOENT' || errno === 'ENOTDIR' ? 'NO_INPUT' : errno === 'EACCES' ? 'PERMISSION' : 'IO';
    throw new DekError(code, `cannot read the manifest ${path}: ${errno}`, {errno, cause});
  }
}

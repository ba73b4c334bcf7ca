/**
 * A manifest as the agent uses it: read whole and checked before anything is done, then read again to do it. Both times
 * through one open file, and the second time must find what the first one found.
 */
import {createHash} from 'node:crypto';
import {constants, readSync} from 'node:fs';
import fs from 'node:fs/promises';
import {setImmediate as turnOfTheLoop} from 'node:timers/promises';
import {isDeepStrictEqual} from 'node:util';
import {DekError, systemCode} from '../errors.js';
import {type ManifestEntry, type ManifestHeader, type ManifestPart, readManifestParts} from '../manifest/index.js';

const CHUNK_BYTES = 2 ** 18;
/** DEKs that are handed out at a time. */
const BATCH = 1024;

export class ManifestFile {
  readonly path: string;
  readonly #file: fs.FileHandle;
  #header: ManifestHeader | undefined;
  #digest: string | undefined;

  private constructor(path: string, file: fs.FileHandle) {
    this.path = path;
    this.#file = file;
  }

  /** Opens the file and reads the header. Throws NO_INPUT, PERMISSION, IO, BAD_INPUT. */
  static async open(path: string): Promise<ManifestFile> {
    let file: fs.FileHandle;
    try {
      // Not to wait for a writer where there is a pipe: that is refused below.
      file = await fs.open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (cause) {
      const errno = systemCode(cause);
      const code = errno === 'ENOENT' || errno === 'ENOTDIR' ? 'NO_INPUT' : errno === 'EACCES' ? 'PERMISSION' : 'IO';
      throw new DekError(code, `cannot read the manifest ${path}: ${errno}`, {errno, cause});
    }
    if (!(await file.stat()).isFile()) {
      await file.close();
      throw new DekError('BAD_INPUT', `${path} is not a file`, {hint: 'the agent reads a manifest more than once'});
    }
    const manifest = new ManifestFile(path, file);
    try {
      const {header, parts} = await readManifestParts(manifest.#chunks());
      await parts.return();
      manifest.#header = header;
      return manifest;
    } catch (error) {
      await file.close();
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
    for await (const part of this.#parts()) {
      goOn();
      deks += part.count();
    }
    return deks;
  }

  /**
   * Its DEKs that are wanted, in order, in arrays of up to 1,024. Throws BAD_INPUT at a fault, and at the end when the file is
   * not what it was the last time.
   */
  async *batches(isWanted: (entry: ManifestEntry) => boolean = () => true): AsyncGenerator<ManifestEntry[], void> {
    let batch: ManifestEntry[] = [];
    for await (const part of this.#parts()) {
      for (const entry of part) {
        if (!isWanted(entry)) continue;
        batch.push(entry);
        if (batch.length < BATCH) continue;
        yield batch;
        batch = [];
      }
    }
    if (batch.length > 0) yield batch;
  }

  async *#parts(): AsyncGenerator<ManifestPart, void> {
    const hash = createHash('sha256');
    let header: ManifestHeader;
    try {
      // Duplicates were found the first time: the digest tells whether it is the same file.
      const again = this.#digest !== undefined;
      const manifest = await readManifestParts(
        this.#chunks((chunk) => hash.update(chunk)),
        {again},
      );
      header = manifest.header;
      for await (const part of manifest.parts) {
        part.count(); // throws here if there is a fault in it
        yield part;
      }
    } catch (error) {
      // What was read without a fault before has none now.
      if (this.#digest !== undefined && error instanceof DekError && error.code === 'BAD_INPUT') throw this.#changed();
      throw error;
    }
    const digest = hash.digest('hex');
    const isOther = this.#digest !== undefined && this.#digest !== digest;
    if (isOther || !isDeepStrictEqual(header, this.#header)) throw this.#changed();
    this.#digest = digest;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  #changed(): DekError {
    return new DekError('BAD_INPUT', `${this.path} changed while it was read`, {
      hint: 'write a new file and rename it to the old name',
    });
  }

  async *#chunks(tap?: (chunk: Uint8Array) => void): AsyncGenerator<Uint8Array, void> {
    const buffer = new Uint8Array(CHUNK_BYTES);
    for (let position = 0; ; ) {
      await turnOfTheLoop();
      // At once: the threads of the pool are busy with firmware commands, behind which it would wait.
      const bytesRead = readSync(this.#file.fd, buffer, 0, CHUNK_BYTES, position);
      if (bytesRead === 0) return;
      position += bytesRead;
      const chunk = buffer.subarray(0, bytesRead);
      tap?.(chunk);
      yield chunk;
    }
  }
}

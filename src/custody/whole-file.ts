/**
 * A file from a stream of chunks, whole or not at all: written beside its name, and moved there when all of it is on disk.
 * SIGKILL can leave the unfinished file, dek-*.tmp, behind. One key goes by `writeKeyFile`.
 */
import {randomBytes} from 'node:crypto';
import {writeFileSync} from 'node:fs';
import fs from 'node:fs/promises';
import {dirname, join} from 'node:path';
import {DekError, systemCode} from '../errors.js';
import {holdSignals} from '../signals.js';
import {assertReplaceable, existsError, explainWrite} from './destination.js';

/** How often it is looked for a signal while nothing comes. */
const LOOK_MS = 100;

/** Throws IO when a signal wants this process to end. */
export type GoOn = () => Promise<void>;

/** How a file comes into being. */
export interface WholeFileOptions {
  /** Replace the file if it is there. */
  force?: boolean | undefined;
  /**
   * It holds keys: a new file is made under its own name, so that not even SIGKILL leaves them where nobody looks for them.
   */
  isSecret?: boolean | undefined;
  /** Take over mode and, where the system allows it, owner of this file; else the mode is 0600. */
  like?: {mode: number; uid: number; gid: number} | undefined;
  /**
   * Called when all is on disk under `temporary` and not yet under its name; if it throws, the name keeps what it had. A
   * long check asks `goOn` now and then.
   */
  check?: ((temporary: string, goOn: GoOn) => Promise<void>) | undefined;
}

/**
 * Creates the file `path`. Whenever this process or the machine stops, the name has what it had, or the new file, whole.
 * Throws EXISTS when it is there already, unless `force`; BAD_ARGUMENT when it is something other than a file; PERMISSION,
 * IO; what `chunks` and `check` throw. Nothing is left behind then, nor when SIGINT, SIGTERM or SIGHUP comes.
 */
export async function writeWholeFile(
  path: string,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  {force = false, isSecret = false, like, check}: WholeFileOptions = {},
): Promise<void> {
  const isInPlace = isSecret && !force;
  // Of a length of its own: a name made of the file's could be too long.
  const temporary = isInPlace ? path : join(dirname(path), `dek-${randomBytes(6).toString('hex')}.tmp`);
  await holdSignals(async (interrupted) => {
    const goOn = async (): Promise<void> => {
      if (await interrupted()) throw new DekError('IO', `interrupted: ${path} was not written`);
    };
    let isOurs = false;
    try {
      if (force) await assertReplaceable(path);
      else if (await isThere(path)) throw existsError(path);
      const handle = await fs.open(temporary, 'wx', 0o600);
      isOurs = true;
      await write(handle, chunks, like, goOn);
      await check?.(temporary, goOn);
      // link(2) refuses when the name is taken; rename(2) would replace what is there.
      if (force) await fs.rename(temporary, path);
      else if (!isInPlace) await fs.link(temporary, path);
      await syncDirectory(dirname(path));
      if (isInPlace) isOurs = false;
    } catch (error) {
      throw error instanceof DekError ? error : explainWrite(error, path);
    } finally {
      if (isOurs) await fs.rm(temporary, {force: true});
    }
  });
}

/** Whether `path` has something; told early, before work that would be in vain. */
async function isThere(path: string): Promise<boolean> {
  return fs.lstat(path).then(
    () => true,
    () => false,
  );
}

async function write(
  handle: fs.FileHandle,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  like: WholeFileOptions['like'],
  goOn: GoOn,
): Promise<void> {
  try {
    for await (const chunk of heeding(chunks, goOn)) {
      writeFileSync(handle.fd, chunk); // into the cache of the system: asking a thread to takes longer
      await goOn();
    }
    if (like) await takeOver(handle, like);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The chunks; while the next one is waited for, a signal ends it. */
async function* heeding(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  goOn: GoOn,
): AsyncGenerator<Uint8Array, void> {
  const source = Symbol.asyncIterator in chunks ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator]();
  let isWaiting = false;
  try {
    for (;;) {
      const next = Promise.resolve(source.next());
      isWaiting = true;
      while (!(await settles(next))) await goOn();
      isWaiting = false;
      const {value, done} = await next;
      if (done) return;
      yield value;
    }
  } finally {
    // A source that gives nothing does not end either: the signal is about to end all.
    if (!isWaiting) await source.return?.();
  }
}

/** Waits until `promise` has settled, but not for long; tells whether it has. */
async function settles(promise: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), LOOK_MS);
  });
  const settled = promise.then(
    () => true,
    () => true,
  );
  return Promise.race([settled, timeout]).finally(() => clearTimeout(timer));
}

async function takeOver(handle: fs.FileHandle, {mode, uid, gid}: NonNullable<WholeFileOptions['like']>): Promise<void> {
  try {
    await handle.chown(uid, gid);
  } catch (error) {
    // Only root gives files away; the mode then still says who may read it.
    if (systemCode(error) !== 'EPERM') throw error;
  }
  await handle.chmod(mode & 0o777);
}

/** A new name is on disk when its directory is: fsync(2). */
async function syncDirectory(path: string): Promise<void> {
  const handle = await fs.open(path);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

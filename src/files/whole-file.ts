/**
 * The one writer of files: whole or not at all. A file is written beside its name and moved there when all of it is on
 * disk; a new one that holds keys is written under its own name. SIGKILL can leave the unfinished file, dek-*.tmp,
 * behind.
 */
import {randomBytes} from 'node:crypto';
import fs from 'node:fs';
import {dirname, join} from 'node:path';
import {promisify} from 'node:util';
import {DekError, systemCode} from '../errors.js';
import {holdSignals} from '../signals.js';
import {existsError, systemError} from './system-error.js';

const open = promisify(fs.open);
const fsync = promisify(fs.fsync);
const close = promisify(fs.close);

/** How often it is looked for a signal while nothing comes. */
const LOOK_MS = 100;

/** Throws IO when a signal wants this process to end. */
export type GoOn = () => Promise<void>;

/** What is to be written: chunks that are there, or that come. */
export type Chunks = AsyncIterable<Uint8Array> | readonly Uint8Array[];

/** How a file comes into being. */
export interface WholeFileOptions {
  /** Replace the file if it is there. */
  force?: boolean | undefined;
  /**
   * It holds keys: a new file is made under its own name, so that not even SIGKILL leaves them where nobody looks for
   * them.
   */
  isSecret?: boolean | undefined;
  /** Take over mode and, where the system allows it, owner of this file; else the mode is 0600. */
  like?: {mode: number; uid: number; gid: number} | undefined;
  /**
   * Called when all is on disk under `temporary` and not yet under its name; if it throws, the name keeps what it had.
   * A long check asks `goOn` now and then.
   */
  check?: ((temporary: string, goOn: GoOn) => Promise<void>) | undefined;
}

/**
 * Creates the file `path` (mode 0600). Whenever this process or the machine stops, the name has what it had, or the new
 * file, whole. SIGINT, SIGTERM and SIGHUP wait while chunks that are there are written, and end the wait for those that
 * come. Bytes go from the caller's buffers to the kernel, with no copy on the way. Throws EXISTS when the file is there
 * already, unless `force`; BAD_ARGUMENT when it is something other than a file; PERMISSION, IO; what `chunks` and
 * `check` throw. Nothing is left behind then.
 */
export async function writeWholeFile(
  path: string,
  chunks: Chunks,
  {force = false, isSecret = false, like, check}: WholeFileOptions = {},
): Promise<void> {
  const isInPlace = isSecret && !force;
  // Of a length of its own: a name made of the file's could be too long.
  const temporary = isInPlace ? path : join(dirname(path), unfinishedName());
  await holdSignals(async (interrupted) => {
    const goOn = async (): Promise<void> => {
      if (await interrupted()) throw new DekError('IO', `interrupted: ${path} was not written`);
    };
    let isLeft = false;
    try {
      if (force) await assertReplaceable(path);
      else if (await isThere(path)) throw existsError(path);
      const fd = await open(temporary, 'wx', 0o600);
      isLeft = true;
      await write(fd, chunks, like, goOn);
      await check?.(temporary, goOn);
      // link(2) refuses when the name is taken; rename(2) would replace what is there.
      if (force) await fs.promises.rename(temporary, path);
      else if (!isInPlace) await fs.promises.link(temporary, path);
      await syncDirectory(dirname(path));
      if (isInPlace || force) isLeft = false;
    } catch (error) {
      throw systemError('write', path, error);
    } finally {
      if (isLeft) await removeFile(temporary);
    }
  });
}

async function write(fd: number, chunks: Chunks, like: WholeFileOptions['like'], goOn: GoOn): Promise<void> {
  try {
    // Into the cache of the system: asking a thread to takes longer.
    if (!(Symbol.asyncIterator in chunks)) for (const chunk of chunks) fs.writeFileSync(fd, chunk);
    else {
      for await (const chunk of heeding(chunks, goOn)) {
        fs.writeFileSync(fd, chunk);
        await goOn();
      }
    }
    if (like) takeOver(fd, like);
    await fsync(fd);
  } finally {
    await close(fd);
  }
}

/** The chunks; while the next one is waited for, a signal ends it. */
async function* heeding(chunks: AsyncIterable<Uint8Array>, goOn: GoOn): AsyncGenerator<Uint8Array, void> {
  const source = chunks[Symbol.asyncIterator]();
  let isWaiting = false;
  try {
    for (;;) {
      const next = source.next();
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

/** Whether `path` has something; told early, before work that would be in vain. */
function isThere(path: string): Promise<boolean> {
  return fs.promises.lstat(path).then(
    () => true,
    () => false,
  );
}

/** Throws BAD_ARGUMENT when `path` is there and no file. */
async function assertReplaceable(path: string): Promise<void> {
  const stats = await fs.promises.lstat(path).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (!stats || stats.isFile()) return;
  throw new DekError('BAD_ARGUMENT', `${path} is not a regular file, and will not be replaced`, {
    hint: 'name a file, or one that is not there yet',
  });
}

function takeOver(fd: number, {mode, uid, gid}: NonNullable<WholeFileOptions['like']>): void {
  try {
    fs.fchownSync(fd, uid, gid);
  } catch (error) {
    // Only root gives files away; the mode then still says who may read it.
    if (systemCode(error) !== 'EPERM') throw error;
  }
  fs.fchmodSync(fd, mode & 0o777);
}

/** A new name is on disk when its directory is: fsync(2). */
async function syncDirectory(path: string): Promise<void> {
  const fd = await open(path, 'r');
  try {
    await fsync(fd);
  } finally {
    await close(fd);
  }
}

/** Removes what was written in vain. Throws IO when it stays: then a key may lie there. */
export async function removeFile(path: string): Promise<void> {
  try {
    await fs.promises.unlink(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return;
    throw systemError('remove', `the unfinished ${path}`, error, {hint: 'it may hold a key: remove it yourself'});
  }
}

function unfinishedName(): string {
  return `dek-${randomBytes(6).toString('hex')}.tmp`;
}

/** Whether a file of this name is one that was never finished: its process was killed. */
export function isUnfinished(name: string): boolean {
  return /^dek-[0-9a-f]{12}\.tmp$/.test(name);
}

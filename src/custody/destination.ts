/**
 * Where keys go: a new file, whole or not at all, or a descriptor. Bytes go from the caller's buffer to the kernel, with no
 * copy on the way. Left out: writing into devices, pipes and symbolic links by name.
 */
import {randomBytes} from 'node:crypto';
import fs from 'node:fs';
import {dirname, join} from 'node:path';
import {promisify} from 'node:util';
import {DekError, systemCode} from '../errors.js';
import {holdSignals} from '../signals.js';

const open = promisify(fs.open);
const fsync = promisify(fs.fsync);
const close = promisify(fs.close);
const write = promisify(fs.write);
const sleep = promisify(setTimeout);

/** How soon a descriptor in non-blocking mode is tried again. */
const RETRY_MS = 20;

/**
 * Creates the file `path` (mode 0600) with `bytes`, whole or not at all: SIGINT, SIGTERM and SIGHUP wait until it is done. It
 * is made under its own name, so that not even SIGKILL leaves a key where nobody looks for it. With `force` one that is there
 * is replaced, and stays as it is until then; only there SIGKILL can leave a second file, dek-*.tmp beside it.
 * Throws EXISTS when it is there already, unless `force`; BAD_ARGUMENT when it is something other than a file; PERMISSION, IO.
 */
export async function writeKeyFile(path: string, bytes: Uint8Array, {force = false} = {}): Promise<void> {
  try {
    await holdSignals(() => (force ? replaceFile(path, bytes) : createFile(path, bytes)));
  } catch (error) {
    throw error instanceof DekError ? error : explainWrite(error, path);
  }
}

/** Writes `bytes` to an open descriptor. Throws IO, also for a standard stream that this process was started without. */
export async function writeDescriptor(fd: number, bytes: Uint8Array, name: string): Promise<void> {
  if (isStandIn(fd)) {
    throw new DekError('IO', `cannot write ${name}: it is closed, or /dev/null open for reading too`, {
      hint: 'give --output FILE; to throw a key away, redirect to /dev/null',
      errno: 'EBADF',
    });
  }
  try {
    await writeAll(fd, bytes);
  } catch (error) {
    throw explainWrite(error, name);
  }
}

/**
 * Whether `fd` is the /dev/null that Node opens at its start in the place of a standard stream that is closed. It opens it
 * for reading and writing, a shell's > /dev/null for writing only: proc(5), fdinfo.
 */
function isStandIn(fd: number): boolean {
  try {
    if (fs.readlinkSync(`/proc/self/fd/${fd}`) !== '/dev/null') return false;
    const flags = /^flags:\s*(\d+)$/m.exec(fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1];
    return (Number.parseInt(flags ?? '0', 8) & fs.constants.O_RDWR) !== 0;
  } catch {
    return false; // without /proc it cannot be told
  }
}

async function createFile(path: string, bytes: Uint8Array): Promise<void> {
  const fd = await open(path, 'wx', 0o600);
  try {
    try {
      await writeAll(fd, bytes);
      await fsync(fd);
    } finally {
      await close(fd);
    }
  } catch (error) {
    await remove(path);
    throw error;
  }
}

async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  await assertReplaceable(path);
  // Of a length of its own: a name made of the file's could be too long.
  const temporary = join(dirname(path), `dek-${randomBytes(6).toString('hex')}.tmp`);
  await createFile(temporary, bytes);
  try {
    await fs.promises.rename(temporary, path);
  } catch (error) {
    await remove(temporary);
    throw error;
  }
}

/** Removes what was begun. Throws IO when it stays: then a key may lie there. */
async function remove(path: string): Promise<void> {
  try {
    await fs.promises.unlink(path);
  } catch (cause) {
    const errno = systemCode(cause);
    throw new DekError('IO', `cannot remove the unfinished ${path}: ${errno}`, {
      hint: 'it may hold a key: remove it yourself',
      errno,
      cause,
    });
  }
}

/** Throws BAD_ARGUMENT when `path` is there and no file. */
export async function assertReplaceable(path: string): Promise<void> {
  const stats = await fs.promises.lstat(path).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (!stats || stats.isFile()) return;
  throw new DekError('BAD_ARGUMENT', `${path} is not a regular file, and will not be replaced`);
}

/** Writes all of `bytes`, also to a descriptor in non-blocking mode. Throws the system's error. */
async function writeAll(fd: number, bytes: Uint8Array): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    try {
      written += (await write(fd, bytes, written)).bytesWritten;
    } catch (error) {
      if (systemCode(error) !== 'EAGAIN') throw error;
      await sleep(RETRY_MS);
    }
  }
}

/** The DekError for a file that is there already. */
export function existsError(path: string): DekError {
  return new DekError('EXISTS', `${path} exists`, {hint: 'name another file, or replace it with --force'});
}

/** The DekError for the system's error at a write of `name`. */
export function explainWrite(error: unknown, name: string): DekError {
  const errno = systemCode(error);
  if (errno === 'EEXIST') return existsError(name);
  const code = errno === 'EACCES' || errno === 'EPERM' || errno === 'EROFS' ? 'PERMISSION' : 'IO';
  return new DekError(code, `cannot write ${name}${errno ? `: ${errno}` : ''}`, {errno, cause: error});
}

/**
 * Where keys go: a new file, whole or not at all, or a descriptor. Bytes go from the caller's buffer to the kernel, with no
 * copy on the way. Left out: writing into devices, pipes and symbolic links by name.
 */
import {randomBytes} from 'node:crypto';
import fs from 'node:fs';
import {basename, dirname, join} from 'node:path';
import {promisify} from 'node:util';
import {DekError, systemCode} from '../errors.js';

const open = promisify(fs.open);
const fsync = promisify(fs.fsync);
const close = promisify(fs.close);
const write = promisify(fs.write);
const sleep = promisify(setTimeout);

/** How soon a descriptor in non-blocking mode is tried again. */
const RETRY_MS = 20;

/**
 * Creates the file `path` (mode 0600) with `bytes`: written beside it and moved there, so that it is never seen half done.
 * Throws EXISTS when it is there already, unless `force`; BAD_ARGUMENT when it is something other than a file; PERMISSION, IO.
 */
export async function writeKeyFile(path: string, bytes: Uint8Array, {force = false} = {}): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}`);
  try {
    await assertReplaceable(path, force);
    const fd = await open(temporary, 'wx', 0o600);
    try {
      await writeAll(fd, bytes);
      await fsync(fd);
    } finally {
      await close(fd);
    }
    // link(2) refuses when the name is taken by now; rename(2) would replace what is there.
    if (force) await fs.promises.rename(temporary, path);
    else await fs.promises.link(temporary, path);
  } catch (error) {
    throw error instanceof DekError ? error : explain(error, path);
  } finally {
    await fs.promises.rm(temporary, {force: true});
  }
}

/** Writes `bytes` to an open descriptor. Throws IO. */
export async function writeDescriptor(fd: number, bytes: Uint8Array, name: string): Promise<void> {
  try {
    await writeAll(fd, bytes);
  } catch (error) {
    throw explain(error, name);
  }
}

async function assertReplaceable(path: string, force: boolean): Promise<void> {
  const stats = await fs.promises.lstat(path).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (!stats) return;
  if (!force) throw exists(path);
  if (!stats.isFile()) throw new DekError('BAD_ARGUMENT', `${path} is not a regular file, and will not be replaced`);
}

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

function exists(path: string): DekError {
  return new DekError('EXISTS', `${path} exists`, {hint: 'name another file, or replace it with --force'});
}

function explain(error: unknown, name: string): DekError {
  const errno = systemCode(error);
  if (errno === 'EEXIST') return exists(name);
  const code = errno === 'EACCES' || errno === 'EPERM' || errno === 'EROFS' ? 'PERMISSION' : 'IO';
  return new DekError(code, `cannot write ${name}${errno ? `: ${errno}` : ''}`, {errno, cause: error});
}

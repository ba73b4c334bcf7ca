/** The directory of a virtual ConnectX: made whole or not at all, and what went wrong with it. */
import fs from 'node:fs';
import {join} from 'node:path';
import {makeDirectories, removeDirectories} from '../directories.js';
import {DekError, systemCode} from '../errors.js';

/**
 * Makes `path` a directory of mode 0700 with nothing but `officer` in it, and calls `fill`. When that fails, all is gone
 * again. To make `officer` is to claim the directory: of two that find it empty at once, one is refused.
 */
export async function inNewDirectory(path: string, fill: () => Promise<void>): Promise<void> {
  let made: string[] = [];
  try {
    made = makeDirectories(path, 0o700);
    if (fs.readdirSync(path).length > 0) throw notEmpty(path);
    fs.chmodSync(path, 0o700);
    claim(path);
    try {
      await fill();
    } catch (error) {
      const names = fs.readdirSync(path).filter((name) => name !== 'officer');
      for (const name of [...names, 'officer']) fs.rmSync(join(path, name), {recursive: true, force: true});
      throw error;
    }
  } catch (error) {
    removeDirectories(made);
    throw error instanceof DekError ? error : makeError(path, error);
  }
}

function claim(path: string): void {
  try {
    fs.mkdirSync(join(path, 'officer'), {mode: 0o700});
  } catch (error) {
    throw systemCode(error) === 'EEXIST' ? notEmpty(path) : error;
  }
}

function notEmpty(path: string): DekError {
  return new DekError('EXISTS', `${path} is not empty`, {hint: 'name a directory that is empty or not there yet'});
}

/** Where no directory can be made, as below /proc, mkdir(2) says ENOENT. */
function makeError(path: string, error: unknown): DekError {
  if (systemCode(error) !== 'ENOENT') return pathError(path, error);
  return new DekError('IO', `cannot make ${path}: ENOENT`, {errno: 'ENOENT', cause: error});
}

/** The names in the directory `path`. Throws NO_DEVICE, BAD_ARGUMENT, PERMISSION, IO. */
export function listDirectory(path: string): string[] {
  try {
    return fs.readdirSync(path);
  } catch (error) {
    throw pathError(path, error);
  }
}

/** What a system error says of the directory `path`. */
export function pathError(path: string, error: unknown): DekError {
  const code = systemCode(error);
  if (code === 'ENOENT') return new DekError('NO_DEVICE', `${path} does not exist`, {cause: error});
  if (code === 'ENOTDIR' || code === 'EEXIST')
    return new DekError('BAD_ARGUMENT', `${path} is not a directory`, {cause: error});
  if (code === 'EACCES') return new DekError('PERMISSION', `permission denied on ${path}`, {errno: code, cause: error});
  return new DekError('IO', `cannot use ${path}: ${code ?? 'unknown error'}`, {errno: code, cause: error});
}

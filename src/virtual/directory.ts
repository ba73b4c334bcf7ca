/** The directory of a virtual ConnectX: made whole or not at all, and what went wrong with it. */

import fs from 'node:fs';
import {join} from 'node:path';
import {DekError, systemCode} from '../errors.js';
import {makeDirectories, removeDirectories} from '../files/directories.js';
import {systemError} from '../files/system-error.js';

/**
 * Makes `path` a directory of mode 0700 with nothing but `officer` in it, and calls `fill`. When that fails, all is
 * gone again. To make `officer` is to claim the directory: of two that find it empty at once, one is refused.
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
    throw systemError('make', path, error);
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

/**
 * Lets the members of a group open the NICs of a directory, and nothing of `officer`. What programs make in it later
 * gets the group by the bit of its directory (setgid), and its mode from the image (slots.c).
 */
export function shareWithGroup(path: string, names: readonly string[], gid: number): void {
  for (const name of names) for (const end of ['ctx', 'wire']) fs.mkdirSync(join(path, `${name}.${end}`));
  const give = (file: string, mode: number): void => {
    fs.chownSync(file, -1, gid);
    fs.chmodSync(file, mode); // after the chown, which takes setgid away
  };
  const giveAll = (directory: string): void => {
    give(directory, 0o2770);
    for (const entry of fs.readdirSync(directory, {withFileTypes: true})) {
      const file = join(directory, entry.name);
      if (entry.name === 'officer' || entry.isSymbolicLink()) continue;
      if (entry.isDirectory()) giveAll(file);
      else give(file, entry.name.endsWith('.so') ? 0o750 : 0o660);
    }
  };
  giveAll(path);
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
  return systemError('read', path, error, {missing: 'NO_DEVICE', hint: 'dek virtual create makes one'});
}

/** Makes directories. Node's own `mkdirSync` with `recursive` never returns below /proc, where mkdir(2) says ENOENT. */
import fs from 'node:fs';
import {dirname, resolve} from 'node:path';
import {statNow} from './stat.js';

/**
 * Makes the directory `path`, and those above it that are missing, with `mode`. Returns the paths that it made, the
 * topmost first. Throws the system error of the first that cannot be made, and then has removed those it made.
 */
export function makeDirectories(path: string, mode: number): string[] {
  const made: string[] = [];
  try {
    for (const directory of lineage(resolve(path))) if (make(directory, mode)) made.push(directory);
  } catch (error) {
    removeDirectories(made);
    throw error;
  }
  return made;
}

/** Takes back what `makeDirectories` made; what is in use by now stays. */
export function removeDirectories(made: readonly string[]): void {
  // Not toReversed(): vcx runs on Node.js 18, which has none.
  for (const directory of [...made].reverse()) {
    try {
      fs.rmdirSync(directory);
    } catch {
      return; // somebody has put something into it
    }
  }
}

/** /a, /a/b, /a/b/c. */
function lineage(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [] : [...lineage(parent), path];
}

/** Whether it was missing. As mkdir -p does, takes any error for no matter where there is a directory. */
function make(directory: string, mode: number): boolean {
  try {
    fs.mkdirSync(directory, {mode});
    return true;
  } catch (error) {
    if (statNow(directory)?.isDirectory()) return false;
    throw error;
  }
}

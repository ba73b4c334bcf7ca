/** Making directories, from the top down: Node's own recursive mkdir spins for ever where the system says ENOENT for good. */
import {mkdirSync, statSync} from 'node:fs';
import {dirname} from 'node:path';
import {systemCode} from './errors.js';

/** Makes `path` and what is missing above it, each with `mode`; returns what it made. Throws the system's error. */
export function makeDirectories(path: string, mode: number): string[] {
  if (statSync(path, {throwIfNoEntry: false})?.isDirectory()) return [];
  const parent = dirname(path);
  const made = parent === path ? [] : makeDirectories(parent, mode);
  try {
    mkdirSync(path, {mode});
  } catch (error) {
    if (systemCode(error) === 'EEXIST' && statSync(path, {throwIfNoEntry: false})?.isDirectory()) return made;
    throw error;
  }
  return [...made, path];
}

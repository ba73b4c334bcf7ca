/** The tree that the site is made from. */
import fs from 'node:fs';
import {fileURLToPath} from 'node:url';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** A file's text by its path in the tree. */
export function read(path: string): string {
  return fs.readFileSync(ROOT + path, 'utf8');
}

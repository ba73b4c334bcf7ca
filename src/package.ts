/** The files of this package that are no modules. */
import {readFileSync} from 'node:fs';

/**
 * A file by its path from the package's root. Holds for dist/src/package.js, and for the bundle, which lies as deep.
 */
export function packageFile(path: string): URL {
  return new URL(`../../${path}`, import.meta.url);
}

/** The version in package.json. */
export function packageVersion(): string {
  const {version} = JSON.parse(readFileSync(packageFile('package.json'), 'utf8')) as {version: string};
  return version;
}
